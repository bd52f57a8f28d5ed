# SPDX-License-Identifier: GPL-2.0
# Brings the engine into one known state after the other and asks the host to look at each. The host stops this guest
# while it looks, so the seconds after the event are those it takes to hear of it.
. /harness/settings
. /harness/lib.sh

STATE=/sys/module/cmwq2_states/parameters/state
DIR=/sys/kernel/debug/cmwq2
CPU=/sys/devices/system/cpu/cpu1/online

show() { # show STATE: build it, let it grow old, have the module and then the host say what is wrong
	[ "$1" != cpu-offline ] || echo 0 > $CPU
	echo "$1" > $STATE || complain "state $1 cannot be built"
	sleep 2
	save "stalls/$1" < $DIR/stalls
	event look "$1"
	sleep 4
	echo none > $STATE
	[ "$1" != cpu-offline ] || echo 1 > $CPU
	event round "$1"
}

event start states
# Without the engine: there is a clear answer, too.
event look bare
sleep 4
load cmwq2 && load cmwq2_states $STATES_PARAMETERS || exit 0
for state in $STATES; do
	show "$state"
done
unload cmwq2_states
unload cmwq2
