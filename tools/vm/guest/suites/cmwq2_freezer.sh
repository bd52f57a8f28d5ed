# SPDX-License-Identifier: GPL-2.0
# Tests the freezer under load: freezable queues stop while others run, no item is lost over many cycles, and a queue
# that does not become idle makes the freezer give up. With pm_test, the kernel freezes and thaws without going to sleep
# in between. Everything is done once with the kernel's own queues and once with ours.
. /harness/settings
. /harness/lib.sh

CYCLES=${FREEZES:-5}
POWER=/sys/power
DELAY=/sys/module/suspend/parameters/pm_test_delay
FREEZER=/sys/module/cmwq2_freezer/parameters
# How many seconds the system stays frozen when this is observed. pm_test cannot do less.
FROZEN=1
# How many items the queue that is not freezable must run meanwhile. It gets one item about every ms, on a slow machine
# every ten.
OTHERS=20
# Milliseconds that the system must stay frozen, so that there is time for that.
LONG=400

freeze() { # freeze SECONDS: freezes and thaws the system; prints the kernel's reason if that fails
	echo "$1" > $DELAY
	# The kernel does not freeze this shell, because this shell requested the freeze.
	said=$(echo freeze 2>&1 > $POWER/state) && said= || said=${said##*: }
}

# Older kernels wait with mdelay(), whose second may last only a tenth of a second.
freeze_until() { # freeze_until CONDITION: freezes longer and longer; prints the kernel's reason if that fails
	local seconds=$FROZEN
	freeze $seconds
	while [ -z "$said" ] && ! "$1" && [ $seconds -lt 32 ]; do
		seconds=$((seconds * 2))
		freeze $seconds
	done
}

stood_long() {
	[ "$(cat $FREEZER/stood)" -ge $LONG ]
}

taken_back() {
	[ "$(cat $FREEZER/cancel)" = 1 ]
}

status() { # status LANE: prints ACCEPTED STARTED GAP OTHERS
	sed -n "s/^$1 //p" $FREEZER/status
}

started() {
	set -- $(status "$1")
	echo "$2"
}

goes_on() { # goes_on LANE: whether its items start within 20 s
	local before=$(started "$1") tries=200
	while [ $tries -gt 0 ]; do
		[ "$(started "$1")" -le "$before" ] || return 0
		usleep 100000
		tries=$((tries - 1))
	done
	return 1
}

all_go_on() {
	goes_on percpu && goes_on unbound && goes_on other
}

lost() { # prints the lanes that have not run all items that they accepted
	local lane accepted started rest
	while read -r lane accepted started rest; do
		[ "$accepted" = "$started" ] || echo "$lane accepted $accepted, started $started;"
	done < $FREEZER/status
}

cycles() {
	local cycle=1
	while [ "$cycle" -le "$CYCLES" ]; do
		freeze 0
		[ -z "$said" ] || { not_ok "cycles_$1" "cycle $cycle: $said"; return; }
		all_go_on || { not_ok "cycles_$1" "cycle $cycle: a queue does not go on"; return; }
		[ $((cycle % 10)) != 0 ] || event round "$cycle"
		cycle=$((cycle + 1))
	done
	ok "cycles_$1"
}

stood_still() { # stood_still LANE: whether it started no item for $stood ms, while the other lane started some
	set -- $(status "$1")
	[ "$3" -ge $stood ] && [ "$4" -ge $OTHERS ]
}

frozen() {
	local lane stood
	echo 1 > $FREEZER/load
	all_go_on || { not_ok "frozen_$1" "a queue does not go on"; return; }
	# The longest freeze is judged.
	freeze_until stood_long
	[ -z "$said" ] || { not_ok "frozen_$1" "$said"; return; }
	all_go_on || { not_ok "frozen_$1" "a queue does not go on after it"; return; }
	# The thread that measures may be woken after the queues go on: 10 percent are allowed for that.
	stood=$(cat $FREEZER/stood)
	verify "stood_$1" "a freezable thread was frozen for $stood ms" stood_long
	stood=$((stood * 90 / 100))
	for lane in percpu unbound; do
		verify "frozen_${lane}_$1" "accepted, started, longest pause, others' starts in it: $(status $lane); to be $stood ms" \
			stood_still $lane
	done
	echo 0 > $FREEZER/load
}

busy() {
	local timeout=$(cat $POWER/pm_freeze_timeout)
	echo 1 > $FREEZER/load
	echo 500 > $POWER/pm_freeze_timeout
	echo 1 > $FREEZER/hold
	freeze 0
	verify "busy_fails_$1" "the freezer says: ${said:-nothing}" [ "$said" = "Device or resource busy" ]
	verify "busy_goes_on_$1" "a queue stands still after it" all_go_on
	echo "$timeout" > $POWER/pm_freeze_timeout
	echo 0 > $FREEZER/hold
	freeze 0
	verify "busy_no_more_$1" "the freezer says: $said" [ -z "$said" ]
	verify "after_busy_$1" "a queue stands still" all_go_on
	echo 0 > $FREEZER/load
}

# An item that was enqueued while the system was frozen is cancelled. Its queue must go on after the thaw. The kernel's
# own queue is stuck until the next thaw, and the test must show this as long as the kernel has that bug.
cancelled() {
	local runs=1
	[ "$1" = cmwq2 ] || [ "$(cat $FREEZER/stays_in_line)" = N ] || runs=0
	echo 1 > $FREEZER/cancel
	freeze_until taken_back
	verify "cancelled_$1" "no item was taken back; the freezer says: ${said:-nothing}" taken_back
	echo 0 > $FREEZER/cancel
	verify "runs_after_cancel_$1" "whether it runs is known to be $runs" [ "$(cat $FREEZER/runs)" = $runs ]
	freeze 0
	verify "runs_after_thaw_$1" "it does not run" [ "$(cat $FREEZER/runs)" = 1 ]
}

under_load() { # under_load ENGINE
	load cmwq2 || return
	if load cmwq2_freezer engine="$1"; then
		echo 1 > $FREEZER/load
		all_go_on
		cycles "$1"
		echo 0 > $FREEZER/load
		frozen "$1"
		busy "$1"
		cancelled "$1"
		verify "none_lost_$1" "$(lost)" [ -z "$(lost)" ]
		unload cmwq2_freezer
	fi
	unload cmwq2
}

begin cmwq2_freezer
if [ -w $POWER/pm_test ]; then
	echo freezer > $POWER/pm_test
	for engine in native cmwq2; do under_load $engine; done
	echo none > $POWER/pm_test
else
	skip freeze "this machine cannot freeze"
fi
end
