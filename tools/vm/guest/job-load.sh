# SPDX-License-Identifier: GPL-2.0
# Keeps items in flight and asks the host to look at them.
. /harness/settings
. /harness/lib.sh
. /harness/bench.sh

busy() { # whether a worker of an unbound pool exists: the run has come as far as queueing
	grep -qs '^cw2/u' /proc/[0-9]*/comm
}

load cmwq2 && load cmwq2_bench || exit 0
event start load
configure_bench $LOAD || exit 0
run_bench &
running=$!
until busy || ! kill -0 $running 2>/dev/null; do :; done
event look
wait $running
unload cmwq2_bench
unload cmwq2
