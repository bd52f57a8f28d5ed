# SPDX-License-Identifier: GPL-2.0
# Takes a CPU offline and online under load. The load is the stress suite, repeated until the last cycle. It queues
# items on every CPU and counts each of them, so it fails if unbinding of workers loses an item or runs one twice.
. /harness/settings
. /harness/lib.sh

CYCLES=${CYCLES:-20}
HOOKS=${HOOKS:-tp pn timer}
ITEMS=${HOTPLUG_ITEMS:-10000}	# on each kind of queue, each time
CPU=/sys/devices/system/cpu/cpu1/online

wanted() { # wanted 0|1: whether the CPU is offline (0) or online (1) as wanted
	[ "$(cat $CPU)" = "$1" ]
}

# Takes the CPU offline and online CYCLES times, each time as soon as the kernel has finished the previous cycle.
cycles() {
	local cycle=1
	while [ "$cycle" -le "$CYCLES" ]; do
		echo 0 > $CPU && wanted 0 || { not_ok "cycles_$1" "cycle $cycle: the CPU did not go"; return; }
		echo 1 > $CPU && wanted 1 || { not_ok "cycles_$1" "cycle $cycle: the CPU did not come back"; return; }
		[ $((cycle % 10)) != 0 ] || event round "$cycle"
		cycle=$((cycle + 1))
	done
	ok "cycles_$1"
}

stress() { # runs the stress suite at least once, until told to end; /tmp/stress gets its failures
	echo "did not run" > /tmp/stress
	while
		run_kunit cmwq2_stress timeout_ms=120000 stress_items="$ITEMS" || return
		kunit_results cmwq2_stress > /tmp/stress
		unload cmwq2_kunit
		[ ! -e /tmp/enough ] && stress_passed
	do :; done
}

stress_passed() {
	grep -q '^ok 1 cmwq2_stress' /tmp/stress
}

at_home() { # whether CPU 1 has workers, and all of them may run only there
	local comm found=1
	for comm in /proc/[0-9]*/comm; do
		grep -qs '^cw2/1:' "$comm" || continue
		grep -qs '^Cpus_allowed_list:.1$' "${comm%comm}status" || return
		found=0
	done
	return $found
}

under_load() { # under_load HOOK
	if ! insmod /modules/cmwq2.ko hook="$1" $NEEDS_PARAMETERS 2>/dev/null; then
		skip "cycles_$1" "this kernel has no hook $1"
		skip "home_$1" "this kernel has no hook $1"
		skip "items_$1" "this kernel has no hook $1"
		return
	fi
	rm -f /tmp/enough
	stress &
	cycles "$1"
	verify "home_$1" "a worker of CPU 1 may run elsewhere" at_home
	: > /tmp/enough
	wait
	verify "items_$1" "the stress suite failed: $(grep -m 1 '#.*EXPECT\|not ok\|did not' /tmp/stress)" stress_passed
	unload cmwq2
}

# --- unbound queues, whose pods change with the CPU

UNBOUND=/sys/devices/virtual/cmwq2/load_unbound
LOAD=/sys/module/cmwq2_sysfs_load/parameters

allowed_on() { # allowed_on CPUS: whether a thread of an unbound pool may run on exactly these CPUs
	local comm
	for comm in /proc/[0-9]*/comm; do
		grep -qs '^cw2/u[0-9]*:' "$comm" && grep -qs "^Cpus_allowed_list:.$1\$" "${comm%comm}status" && return
	done
	return 1
}

load_is_well() { # load_is_well NAME
	echo N > $LOAD/run
	verify "$1" "$(cat $LOAD/items_lost) items lost, $(cat $LOAD/items_disordered) out of turn" \
		[ "$(cat $LOAD/items_lost),$(cat $LOAD/items_disordered)" = 0,0 ]
}

# If the only CPU of a queue goes offline, the scheduler lets its workers run elsewhere. They must return afterwards.
unbound() { # unbound NAME [POLICY=VALUE]
	local name=$1
	shift
	insmod /modules/cmwq2.ko $NEEDS_PARAMETERS "$@" && insmod /modules/cmwq2_sysfs_load.ko ||
		{ not_ok "$name" "insmod failed"; return; }
	echo cpu > $UNBOUND/affinity_scope
	cycles "$name"
	echo 2 > $UNBOUND/cpumask
	verify "${name}_home" "no worker of CPU 1 alone" allowed_on 1
	echo 0 > $CPU
	usleep 500000
	echo 1 > $CPU
	verify "${name}_restored" "no worker is back on CPU 1 alone" allowed_on 1
	load_is_well "items_$name"
	unload cmwq2_sysfs_load
	unload cmwq2
}

begin cmwq2_hotplug
for hook in $HOOKS; do
	if [ -w $CPU ]; then
		under_load $hook
	else
		skip "cycles_$hook" "no CPU can be taken offline here"
		skip "home_$hook" "no CPU can be taken offline here"
		skip "items_$hook" "no CPU can be taken offline here"
	fi
done
if [ -w $CPU ]; then
	unbound unbound
	# An item that waits in an inbox must not wait for the CPU that went.
	unbound inbox inbox=on
else
	skip unbound "no CPU can be taken offline here"
	skip inbox "no CPU can be taken offline here"
fi
end
