# SPDX-License-Identifier: GPL-2.0
# Runs the benchmark once. BENCH_CONFIG has its settings.
. /harness/settings
. /harness/lib.sh
. /harness/bench.sh

load cmwq2 $BENCH_PARAMETERS && load cmwq2_bench || exit 0
event start benchmark
configure_bench $BENCH_CONFIG && run_bench
unload cmwq2_bench
unload cmwq2
