# SPDX-License-Identifier: GPL-2.0
# cmwq2_bench through its files.

BENCH=/sys/kernel/cmwq2_bench

configure_bench() { # configure_bench NAME=VALUE...
	local pair
	for pair; do
		echo "${pair#*=}" > "$BENCH/config_${pair%%=*}" || { complain "bench: $pair was refused"; return 1; }
	done
}

run_bench() {
	echo 1 > $BENCH/run || { complain "bench: the run could not be made"; return 1; }
	save bench < $BENCH/result
	[ -s /results/bench ] || complain "bench: no result"
}
