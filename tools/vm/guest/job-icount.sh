# SPDX-License-Identifier: GPL-2.0
# Runs benchmarks whose instructions the host counts. ICOUNT_RUNS has the settings of the runs, which are separated by
# semicolons; their results are bench/NUMBER. A sync before each run and after the last one tells the host where a run
# begins. Finally the kernel's own benchmark of its workqueues runs, if there is one.
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
	kernels_own test_workqueue $ICOUNT_OWN | save own
fi
grep "\[" /proc/kallsyms | save symbols
unload cmwq2_bench
unload cmwq2
