# SPDX-License-Identifier: GPL-2.0
# Tests items of one CPU in every hotplug state: for each step down and up, the kernel is told to let that step fail.
# Items must run all the time. Once the CPU is settled, they must run on it and be allowed on no other CPU. This is done
# with the kernel's own queues, with ours, and with ours whose threads are not marked as per-CPU.
. /harness/settings
. /harness/lib.sh

PARTS=${PARTS:-native marked unmarked away}
CPU=/sys/devices/system/cpu/cpu1
STATES=/sys/devices/system/cpu/hotplug/states
LOAD=/sys/module/cmwq2_percpu_load/parameters
HEALTH=/sys/kernel/debug/cmwq2/health
ONLINE=$(sed -n 's/^ *\([0-9]*\): online$/\1/p' $STATES 2>/dev/null)

change() { # change 0|1: takes the CPU offline or online; whether that succeeded, with the error in $said
	echo 0 > $LOAD/settled
	said=$(echo "$1" 2>&1 > $CPU/online) && said= || { said=${said##*: }; return 1; }
}

starts() {
	cut -d ' ' -f 1,2 $LOAD/status
}

all_go_on() { # whether each lane starts two more items within 20 s
	local before=$(starts) lane count tries=1000
	while [ $tries -gt 0 ]; do
		for lane in $before; do
			case $lane in
			[a-z]*) count=$(sed -n "s/^$lane \([0-9]*\) .*/\1/p" $LOAD/status) ;;
			*) [ "$count" -ge $((lane + 2)) ] || { count=; break; } ;;
			esac
		done
		[ -z "$count" ] || return 0
		usleep 20000
		tries=$((tries - 1))
	done
	return 1
}

strays() { # prints the lanes whose items ran on other CPUs while the CPU was settled
	awk '$3 { printf "%s (%s times) ", $1, $3 }' $LOAD/status
}

elsewhere() { # prints the lanes whose items ran on other CPUs since the last change
	awk '$4 { printf "%s (%s times) ", $1, $4 }' $LOAD/status
}

at_home() { # whether the items run on their CPU from now on; if not, the reason is in $said
	echo 1 > $LOAD/settled
	all_go_on || { said="some items do not go on: $(cat $LOAD/status)"; return 1; }
	said=$(strays)
	[ -z "$said" ] || { said="elsewhere with the CPU online: $said"; return 1; }
}

state_of() { # state_of NAME
	sed -n "s/^ *\([0-9]*\): $1\$/\1/p" $STATES
}

# Prints the states that have a callback. A state has it in one direction or both, and some cannot be made to fail.
states() {
	local state
	while IFS=': ' read -r state _; do
		echo "$state" 2>/dev/null > $CPU/hotplug/fail && echo "$state"
	done < $STATES
	echo -1 > $CPU/hotplug/fail
}

refused() { # refused 0|1 STATE: whether a change is rolled back if STATE fails in it
	echo "$2" 2>/dev/null > $CPU/hotplug/fail || return
	if change "$1"; then
		# The state has no callback in this direction, so it did not fail.
		echo -1 > $CPU/hotplug/fail
		return 1
	fi
}

called_off() { # called_off LABEL QUIET: each step down fails in turn; if it comes before QUIET, no item may move
	local state tried=
	for state in $(states); do
		refused 0 "$state" || { change 1; continue; }
		tried="$tried $state" said=
		if [ "$state" -gt "$2" ]; then
			all_go_on
			said=$(elsewhere)
		fi
		[ -z "$said" ] || { not_ok "called_off_$1" "state $state, asked before the engine: moved $said"; return; }
		at_home || { not_ok "called_off_$1" "state $state: $said"; return; }
	done
	echo "harness: called_off_$1: states$tried" > /dev/kmsg
	verify "called_off_$1" "no state can be made to fail" [ -n "$tried" ]
}

# If a state above ours fails, the engine's callbacks first report the CPU online and then offline again. If a state
# below ours fails, no callback of the engine runs, so only the first and the last of those states are tested.
failed_up() { # failed_up LABEL
	local state tried= all=$(states | awk -v ours="$(state_of cmwq2:online)" '
		NR == 1 || $1 >= ours { print; next } { last = $1 } END { if (last) print last }')
	for state in $all; do
		change 0 || { not_ok "failed_up_$1" "the CPU did not go: $said"; return; }
		if refused 1 "$state"; then
			tried="$tried $state"
			all_go_on || { not_ok "failed_up_$1" "state $state: some items do not go on: $(cat $LOAD/status)"; return; }
			change 1 || { not_ok "failed_up_$1" "state $state: the CPU did not come back: $said"; return; }
		fi
		at_home || { not_ok "failed_up_$1" "state $state: $said"; return; }
	done
	echo "harness: failed_up_$1: states$tried" > /dev/kmsg
	verify "failed_up_$1" "no state can be made to fail" [ -n "$tried" ]
}

healthy() { # healthy LABEL: whether the engine has counted no strays
	verify "health_$1" "$(grep strays $HEALTH)" grep -qx 'strays 0' $HEALTH
}

with_load() { # with_load LABEL ENGINE QUIET PARAMETER...
	local label=$1 engine=$2 quiet=$3
	shift 3
	load cmwq2 $NEEDS_PARAMETERS "$@" || return
	[ "$quiet" != ours ] || quiet=$(state_of cmwq2:online)
	if load cmwq2_percpu_load engine="$engine" cpu=1; then
		called_off "$label" "$quiet"
		failed_up "$label"
		unload cmwq2_percpu_load
	fi
	[ $label = unmarked ] || healthy "$label"
	unload cmwq2
}

# The CPU is offline when the module is loaded. Its items must run, also after an attempt to bring it online has failed.
away_at_load() {
	echo 0 > $CPU/online
	load cmwq2 $NEEDS_PARAMETERS || return
	if load cmwq2_percpu_load engine=cmwq2 cpu=1; then
		verify away_at_load "some items do not go on: $(cat $LOAD/status)" all_go_on
		echo fail > /sys/module/cmwq2/parameters/fault_create
		change 1
		verify up_without_memory "the kernel says: ${said:-nothing}" [ "$said" = "Cannot allocate memory" ]
		verify away_without_memory "some items do not go on: $(cat $LOAD/status)" all_go_on
		echo off > /sys/module/cmwq2/parameters/fault_create
		verify up_after_all "the CPU did not come: $said" change 1
		at_home
		verify home_after_all "$said" [ -z "$said" ]
		unload cmwq2_percpu_load
	fi
	healthy away_at_load
	unload cmwq2
	echo 1 2>/dev/null > $CPU/online
}

begin cmwq2_percpu_states
if [ -w $CPU/hotplug/fail ]; then
	for part in $PARTS; do
		case $part in
		native) with_load native native ours ;;
		marked) with_load marked cmwq2 ours ;;
		unmarked) with_load unmarked cmwq2 "$ONLINE" percpu_threads=N ;;
		away) away_at_load ;;
		*) not_ok "$part" "allowed: native, marked, unmarked, away" ;;
		esac
	done
else
	skip states "no CPU can be taken offline here"
fi
end
