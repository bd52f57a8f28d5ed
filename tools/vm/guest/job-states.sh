# SPDX-License-Identifier: GPL-2.0
# Brings the engine into one known state after the other. Each state is examined by the module, by drgn in this guest if
# INSIDE names the state, and by the host, which pauses this guest during its look.
. /harness/settings
. /harness/lib.sh

DRGN="$PYTHON /harness/drgn --quiet"
STATE=/sys/module/cmwq2_states/parameters/state
DIR=/sys/kernel/debug/cmwq2
DUMP=/harness/tools/wq_dump.py
CPU=/sys/devices/system/cpu/cpu1/online

look_inside() { # look_inside STATE: saves the output of drgn, which runs in this guest and looks at its kernel
	$DRGN $SYMBOLS /harness/looks.py /tmp --stalls --json 2> /tmp/error || complain "$1: drgn in here: $(tail -n 1 /tmp/error)"
	save "inside/$1.stalls" < /tmp/--stalls
	save "inside/$1.json" < /tmp/--json
}

refused() { # refused NAME COMMAND...: saves the output and status of a tool that must refuse
	local name=$1 status
	shift
	"$@" > /tmp/out 2> /tmp/error
	status=$?
	{ echo $status; cat /tmp/out; echo stderr:; cat /tmp/error; } | save "inside/refused/$name"
}

show() { # show STATE: creates the state, waits until it counts as a stall, and collects all verdicts
	[ "$1" != cpu-offline ] || echo 0 > $CPU
	echo "$1" > $STATE || complain "state $1 cannot be built"
	sleep 2
	save "stalls/$1" < $DIR/stalls
	ask look "$1"
	case " $INSIDE " in *" $1 "*) look_inside "$1";; esac
	echo none > $STATE
	[ "$1" != cpu-offline ] || echo 1 > $CPU
	event round "$1"
}

event start states
# Without the module, the tools must give a clear answer, too.
case " $INSIDE " in *" bare "*)
	refused nobody $PYTHON /harness/nobody --quiet $SYMBOLS $DUMP
	refused no-symbols $DRGN $DUMP
	refused not-loaded $DRGN $SYMBOLS $DUMP;;
esac
ask look bare
# A long threshold for the watchdog: drgn is slow in the guest, and the stalls are intended.
load cmwq2 watchdog_thresh=600 && load cmwq2_states $STATES_PARAMETERS || exit 0
for state in $STATES; do
	show "$state"
done
unload cmwq2_states
unload cmwq2
