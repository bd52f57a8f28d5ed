# SPDX-License-Identifier: GPL-2.0
# What the host counts the instructions of. ICOUNT_RUNS has runs of the benchmark by semicolons, their settings by
# spaces; each result is bench/NUMBER. Each begins with a sync, and so does what comes after the last one: that is what
# the host tells them apart by. Then the kernel's own benchmark of its workqueues runs where there is one.
. /harness/settings
. /harness/lib.sh
. /harness/bench.sh

one_run() { # one_run NUMBER SETTING...
	local number=$1
	shift
	event start "run $number"
	default
	configure_bench "$@" || return
	sync
	run_bench "bench/$number"
}

load cmwq2 $ICOUNT_PARAMETERS && load cmwq2_bench || exit 0
each_run "$ICOUNT_RUNS" one_run
sync
if [ -e /modules/test_workqueue.ko ]; then
	event start "the kernel's own benchmark"
	kernels_own $ICOUNT_OWN | save own
fi
unload cmwq2_bench
unload cmwq2
