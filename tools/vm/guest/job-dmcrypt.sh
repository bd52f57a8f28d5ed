# SPDX-License-Identifier: GPL-2.0
# Measures dm-crypt with fio on a RAM disk: the kernel's own driver, and the same driver on cmwq2. TURNS has the turns,
# separated by semicolons. After each, the host says whether it was busy with something else; if so, the turn is made
# once more.
. /harness/settings
. /harness/lib.sh
. /harness/bench.sh
. /harness/drivers.sh

KEY=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
DISK=/dev/ram0
DEVICE=/dev/mapper/bench

scoped() { # scoped BUS SCOPE STRICT: sets the scope of the one queue that encrypts and decrypts
	local queue
	for queue in /sys/devices/virtual/$1/kcryptd-*; do
		echo "$2" > "$queue/affinity_scope" && echo "$3" > "$queue/affinity_strict" || return
	done
}

measured() { # measured NAME ENGINE SCOPE STRICT ISSUERS DEPTH MIB SECONDS
	local name=$1 target=cw2crypt bus=cmwq2 said
	if [ "$2" = native ]; then
		target=crypt bus=workqueue
	else
		echo "$2" > /sys/module/cmwq2/parameters/profile || return
	fi
	mapped bench "0 $(blockdev --getsz $DISK) $target aes-xts-plain64 $KEY 0 $DISK 0" || return
	scoped $bus "$3" "$4" && fio --filename=$DEVICE --direct=1 --rw=randrw --bs=32k --ioengine=libaio \
		--iodepth="$6" --runtime="$8" --numjobs="$5" --time_based --group_reporting --name=turn \
		--verify=sha512 --verify_state_save=0 --thread --size="${7}M" --offset_increment="${7}M" \
		--exec_prerun='cat /proc/uptime /proc/stat' --exec_postrun='cat /proc/uptime /proc/stat' \
		--output-format=json > fio
	said=$?
	unmapped bench && [ $said = 0 ] || return
	mkdir -p "/results/turns/$name"
	cp fio turn.prerun.txt turn.postrun.txt "/results/turns/$name"
	send "turns/$name"
}

one_turn() { # one_turn NUMBER WORD...
	local number=$1
	shift
	event start "turn $number"
	measured "$number" "$@" || { complain "turn $number: $*: $(tail -n 1 fio)"; return; }
	if [ "$(choose judge "$number")" = again ]; then
		measured "$number" "$@" || complain "turn $number: $*: $(tail -n 1 fio)"
		choose judge "$number" > said
	fi
}

cd /tmp
: > fio
# The disk gets its memory now, and not while a turn is measured.
dd if=/dev/zero of=$DISK bs=1M count=32 status=none
load cmwq2 && load cw2crypt || exit 0
each_run "$TURNS" one_turn
unload cw2crypt
unload cmwq2
