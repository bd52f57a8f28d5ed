# SPDX-License-Identifier: GPL-2.0
# Keeps items in flight and asks the host to look at them.
. /harness/settings
. /harness/lib.sh
. /harness/bench.sh

measuring() { # whether the producers of the run have started
	grep -qs '^bench_producer' /proc/[0-9]*/comm
}

running() {
	kill -0 "$run" 2>/dev/null
}

load cmwq2 $LOAD_PARAMETERS && load cmwq2_bench || exit 0
event start load
configure_bench $LOAD || exit 0
run_bench &
run=$!
while running && ! measuring; do :; done
if [ -n "$LOAD_GOES_ON" ]; then
	# The host looks while the run goes on. The run ends when the host is done.
	ask look
	event round looked
	kill $run
else
	# Ask for a look again and again until the run is over. Between two rounds there are no items to see, and the
	# host looks until it has seen some. It pauses this guest during a look.
	while running; do
		event look
		usleep 200000
	done
fi
wait $run
unload cmwq2_bench
unload cmwq2
