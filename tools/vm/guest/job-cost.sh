# SPDX-License-Identifier: GPL-2.0
# What an idle cmwq2 costs tasks that have nothing to do with it: COST_ROUNDS times the ping-pong without the module
# and with it under each of COST_HOOKS, in turn, so that a drift meets them all.
. /harness/settings
. /harness/lib.sh

measure() { # measure HOOK
	# Let the last load or unload be over: RCU callbacks, the udevless uevents, a new worker going idle.
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
