# SPDX-License-Identifier: GPL-2.0
# Functions that use cmwq2_bench through its files.

BENCH=/sys/kernel/cmwq2_bench

set_bench() { # set_bench NAME=VALUE...: on failure $refused is the setting that was refused
	for refused; do
		echo "${refused#*=}" > "$BENCH/config_${refused%%=*}" || return
	done
}

configure_bench() { # configure_bench NAME=VALUE...
	set_bench "$@" || { complain "bench: $refused was refused"; return 1; }
}

each_run() { # each_run RUNS COMMAND: calls COMMAND NUMBER SETTING... for each of RUNS, which semicolons separate
	local number=0 settings IFS=';'
	for settings in $1; do
		IFS=' '
		$2 $number $settings
		number=$((number + 1))
	done
}

run_bench() { # run_bench [RESULT]
	local result=${1:-bench}
	echo 1 > $BENCH/run || { complain "$result: the run could not be made"; return 1; }
	save "$result" < $BENCH/result
	[ -s "/results/$result" ] || complain "$result: no result"
}

# The kernel's own benchmark of its workqueues runs when it is loaded, writes its results only to the log, and does not
# stay loaded. MODULE is test_workqueue, or the copy that was moved to cmwq2. When a module cannot be loaded, the insmod
# of busybox tries again in another way, so the benchmark runs twice. Only the second table counts.
kernels_own() { # kernels_own MODULE PARAMETER...: prints a line for each scope
	local module=$1
	shift
	dmesg -c > /dev/null
	insmod /modules/$module.ko "$@" 2> /tmp/says
	dmesg | sed -n 's/.*test_workqueue:   *//p' | tail -n 6
}

# --- settings and functions that the suites share

SMALL="rounds=2 items=50 warmup=5 producers=2 queues=20 in_flight=40 calls=3 foreign=30 delay_ms=1 job_ms=20
long_ns=20000"
# The kinds of queues that a workload accepts. perfwq accepts all, but takes a second for each, so only one is used.
WORKLOADS="roundtrip batch fanout delayed busy stream mixed imbalance create flush drain cancel block burst switch perfwq
rescue"
queues_of() { # queues_of WORKLOAD
	case $1 in
	cancel) echo unbound ordered ;;
	block | switch | perfwq | rescue) echo percpu ;;
	*) echo percpu unbound ordered ;;
	esac
}

engines_of() { # engines_of WORKLOAD: rescue needs creation of workers to fail, which only cmwq2 can simulate
	case $1 in
	rescue) echo cmwq2,cmwq2:rescue=slurp ;;
	*) echo native,cmwq2 ;;
	esac
}

default() {
	echo 1 > $BENCH/reset
}

says() { # says FILE VALUE: prints the error of a write, or "accepted"
	local said
	said=$(echo "$2" 2>&1 > "$BENCH/$1") && said=accepted
	echo "${said##*: }"
}
