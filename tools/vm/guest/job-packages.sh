# SPDX-License-Identifier: GPL-2.0
# Uses what the Debian packages have installed in the Debian system that the host exports. DRIVERS are the modules that
# this takes, in the order in which they are loaded. VERSION is the version that must be installed, RELEASE the kernel's.
# BENCH_CONFIG has settings of the benchmark that this kernel needs. With FIRST this system has debug info of its kernel,
# and the host takes vmcores of the guest.
. /harness/settings
. /harness/lib.sh
. /harness/bench.sh

SYSTEM=/system

inside() { # inside COMMAND...: runs a command in the Debian system
	chroot $SYSTEM env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 "$@"
}

must() { # must NAME COMMAND...: saves what the command prints as NAME; complains if it fails
	local name=$1
	shift
	"$@" > /tmp/out 2>&1 || complain "$*: status $?: $(tail -n 1 /tmp/out)"
	save "$name" < /tmp/out
}

is() { # is WHAT FOUND WANTED: complains if FOUND is not WANTED
	[ "$2" = "$3" ] || complain "$1 is '$2' and not '$3'"
}

use_modules() {
	event start "modprobe"
	# cmwq2 is loaded with it, because it depends on cmwq2.
	must modprobe inside modprobe cmwq2_bench || return
	is "the loaded version" "$(cat /sys/module/cmwq2/version)" "$VERSION"
	is "the profile, which modprobe.d sets," "$(cat /sys/module/cmwq2/parameters/profile)" shared
	event start "benchmark"
	set_bench engines=native,cmwq2 $BENCH_CONFIG rounds=2 items=200 || complain "the benchmark cannot be configured"
	run_bench
	must report inside wq-bench-report --vehicle guest /sys/kernel/cmwq2_bench/result
}

use_tools() {
	local command
	for command in wq-dump wq-monitor wq-bench wq-bench-report; do
		event start "$command"
		must "$command" inside $command --version
		is "the version" "$(cat "/results/$command")" "$command of cmwq2 $VERSION"
	done
	if [ -n "$FIRST" ]; then
		look
	else
		event start drgn
		must drgn inside python3 -m drgn --quiet /harness-session.py
		# This system has no debug info of its kernel.
		inside wq-dump --native > /tmp/out 2> /tmp/errors
		is "the status of wq-dump" $? 1
		is "its line" "$(tail -n 1 /tmp/errors)" "wq-dump: no debug info of the kernel: give drgn -s vmlinux"
	fi
}

seconds_of() { # seconds_of NAME COMMAND...: like must, and prints how many seconds that took
	local start
	start=$(cut -d. -f1 /proc/uptime)
	must "$@"
	echo "$(($(cut -d. -f1 /proc/uptime) - start)) s"
}

look() { # shows the running kernel, with debug info
	local native ours
	event start "wq-dump --native"
	native=$(seconds_of native inside wq-dump --native)
	event start wq-dump
	ours=$(seconds_of ours inside wq-dump)
	echo "the first wq-dump --native of the running kernel in $native, wq-dump in $ours" | save seconds
	grep -q "^native on $(uname -r)," /results/native || complain "wq-dump --native shows no kernel"
	grep -q "^cmwq2 on $(uname -r)," /results/ours || complain "wq-dump shows no engine"
	ask look vmcore
}

for driver in $DRIVERS; do load "$driver"; done
mkdir -p $SYSTEM
mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=mmap system $SYSTEM || complain "no Debian system"
for each in proc sys dev; do mount -o bind /$each $SYSTEM/$each; done
use_modules
use_tools
must unload inside modprobe -r cmwq2_bench
for each in dev sys proc; do umount $SYSTEM/$each; done
umount $SYSTEM || complain "the Debian system is still in use"
for driver in $(echo $DRIVERS | awk '{ for (i = NF; i > 0; i--) print $i }'); do unload "$driver"; done
