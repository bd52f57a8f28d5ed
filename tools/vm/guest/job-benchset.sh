# SPDX-License-Identifier: GPL-2.0
# Runs the benchmark several times in one boot. BENCH_RUNS has the settings of the runs, separated by semicolons. If a
# run is impossible, because this kernel lacks something, it is reported, and the other runs are still made. After each
# run the host says whether it was busy with something else. If so, the run is made once more.
. /harness/settings
. /harness/lib.sh
. /harness/bench.sh

# The host takes an event for a sign of life. A run that makes no progress sends none.
tell_progress() { # tell_progress NUMBER: reports the progress of the run until it is killed
	local said turns before=
	while sleep 2; do
		said=$(cat $BENCH/progress)
		turns=${said#* turns=}
		turns=${turns%% *}
		[ "$turns" = "$before" ] || event round progress "$1" "$said"
		before=$turns
	done
}

why_not() { # why_not NAME: saves the reason why this run was impossible, from /tmp/says and the kernel's log
	{ cat /tmp/says; dmesg | sed -nE 's/.*cmwq2(_bench)?: //p'; } | save "bench/$1.failed"
}

has_hook() { # has_hook NAME: whether this kernel supports the hook
	[ "$1" = auto ] || { insmod /modules/cmwq2.ko hook="$1" && rmmod cmwq2; }
}

one_run() { # one_run NUMBER SETTING...
	local number=$1
	attempt "$number" "$@"
	if [ "$(choose judge "$number")" = again ]; then
		attempt "$number.again" "$@"
		choose judge "$number" > /tmp/says
	fi
	event done "$number"
}

attempt() { # attempt NAME NUMBER SETTING...: makes a run, and saves its result as NAME
	local name=$1 number=$2 hook=auto watcher settings= pair
	shift 2
	for pair; do
		case $pair in
		hook=*) hook=${pair#hook=} ;;
		*) settings="$settings $pair" ;;
		esac
	done
	dmesg -c > /dev/null
	if ! has_hook "$hook" 2> /tmp/says; then
		why_not "$name"
		return
	fi
	load cmwq2 hook="$hook" && load cmwq2_bench || return
	event start "bench run $number"
	tell_progress "$number" &
	watcher=$!
	if { set_bench $settings && echo 1 > $BENCH/run; } 2> /tmp/says; then
		save "bench/$name" < $BENCH/result
	else
		why_not "$name"
	fi
	kill $watcher
	wait $watcher
	unload cmwq2_bench
	unload cmwq2
}

each_run "$BENCH_RUNS" one_run
