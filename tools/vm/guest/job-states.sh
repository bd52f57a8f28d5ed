# SPDX-License-Identifier: GPL-2.0
# Brings the engine into one known state after the other and has each looked at: by the module, by drgn in here where
# INSIDE says so, and by the host, which stops this guest meanwhile.
. /harness/settings
. /harness/lib.sh

STATE=/sys/module/cmwq2_states/parameters/state
DIR=/sys/kernel/debug/cmwq2
CPU=/sys/devices/system/cpu/cpu1/online

tool() { # tool WORD...: wq_dump.py on this kernel while it runs
	$DRGN -s /modules/cmwq2.ko /harness/tools/wq_dump.py "$@"
}

look_inside() { # look_inside STATE: what drgn sees and says in here
	tool --stalls > /tmp/said 2>&1 || complain "$1: wq_dump.py in the guest: $(tail -n 1 /tmp/said)"
	save "inside/$1.stalls" < /tmp/said
	tool --json > /tmp/said 2> /tmp/error || complain "$1: wq_dump.py in the guest: $(tail -n 1 /tmp/error)"
	save "inside/$1.json" < /tmp/said
}

refuses() { # refuses NAME WORD COMMAND...: what cannot work says so in one line that has WORD in it, and status 1
	local name=$1 word=$2 status=0
	shift 2
	"$@" > /tmp/said 2> /tmp/error || status=$?
	save "inside/$name" < /tmp/error
	[ $status = 1 ] && [ ! -s /tmp/said ] && [ "$(wc -l < /tmp/error)" = 1 ] && grep -q "$word" /tmp/error && return
	complain "$name: status $status, $(tail -n 1 /tmp/error)"
}

show() { # show STATE: build it, let it grow old, have everybody say what is wrong
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
# Without the engine: there is a clear answer, too.
ask look bare
[ -z "$INSIDE" ] || refuses bare "not loaded" $DRGN /harness/tools/wq_dump.py
load cmwq2 && load cmwq2_states $STATES_PARAMETERS || exit 0
for state in $STATES; do
	show "$state"
done
unload cmwq2_states
unload cmwq2
