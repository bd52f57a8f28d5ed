# SPDX-License-Identifier: GPL-2.0
# Measures what an idle cmwq2 costs tasks that do not use it. Each of COST_ROUNDS rounds runs the ping-pong without the
# module, and then with it under each of COST_HOOKS, so that a drift affects all cases.
. /harness/settings
. /harness/lib.sh

measure() { # measure HOOK
	# Wait until the aftermath of the last load or unload is over: RCU callbacks, uevents without a udev, a new
	# worker that goes idle.
	sleep 1
	/modules/pingpong $COST_TRIPS $COST_BATCHES > /tmp/batches || { complain "pingpong ended with status $?"; return 1; }
	sed "s/^/$1 /" /tmp/batches >> /tmp/cost
}

round=1
while [ "$round" -le "$COST_ROUNDS" ]; do
	event start "cost round $round"
	measure unloaded || break
	for hook in $COST_HOOKS; do
		load cmwq2 hook="$hook" || break 2
		measure "$hook" || break 2
		unload cmwq2 || break 2
	done
	round=$((round + 1))
done
save cost < /tmp/cost
