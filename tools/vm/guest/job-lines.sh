# SPDX-License-Identifier: GPL-2.0
# Runs the command lines of Documentation/monitoring.rst that LINES names, while the benchmark keeps items in flight.
# The host judges their output.
. /harness/settings
. /harness/lib.sh
. /harness/bench.sh
export PATH=/usr/bin:/bin

load cmwq2 && load cmwq2_bench || exit 0
configure_bench $LOAD || exit 0
(while [ ! -e /tmp/stop ]; do echo 1 > $BENCH/run || exit 1; done) &
busy=$!
for name in $LINES; do
	event start "line $name"
	(eval "$(documented "$name")") > /tmp/out 2>&1 || complain "$name ended with status $?"
	save "lines/$name" < /tmp/out
done
: > /tmp/stop
wait $busy || complain "the load ended with status $?"
unload cmwq2_bench
unload cmwq2
