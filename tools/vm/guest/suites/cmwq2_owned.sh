# SPDX-License-Identifier: GPL-2.0
# Tests unloading the module while another thread monopolizes a CPU on which one of the engine's own threads has to run.
# The module's exit must wait for the engine's thread and must not free anything too early.
. /harness/settings
. /harness/lib.sh

OWNER=/sys/module/cmwq2_owner/parameters/cpu
SERVER=/sys/kernel/debug/sched/fair_server/cpu1/runtime

pid_of() { # pid_of NAME
	local comm
	for comm in /proc/[0-9]*/comm; do
		grep -qsx "$1" "$comm" || continue
		comm=${comm%/comm}
		echo "${comm##*/}"
		return
	done
	return 1
}

waits_in() { # waits_in PID FUNCTION: whether the process waits in FUNCTION within half a minute
	local looks=0
	while [ -d "/proc/$1" ] && [ "$looks" -lt 300 ]; do
		grep -q "$2" "/proc/$1/stack" && return
		usleep 100000
		looks=$((looks + 1))
	done
	return 1
}

# Lets THREAD run only on the CPU that the owner monopolizes.
unload_waits_for() { # unload_waits_for THREAD
	local thread rmmod saved=
	load cmwq2 $NEEDS_PARAMETERS && load cmwq2_owner || { not_ok "unload_waits_for_$1" "insmod failed"; return; }
	thread=$(pid_of "cw2/$1") || { not_ok "unload_waits_for_$1" "there is no thread cw2/$1"; return; }
	[ -e $SERVER ] && saved=$(cat $SERVER) && echo 0 > $SERVER
	taskset -p 2 "$thread" > /dev/null
	echo 1 > $OWNER
	rmmod cmwq2 &
	rmmod=$!
	# In either function it waits for the thread. Errors before that show as complaints of the kernel.
	waits_in $rmmod 'kthread_flush_worker\|kthread_destroy_worker'
	verify "unload_waits_for_$1" "the module's exit does not wait for cw2/$1" [ -d /proc/$rmmod ]
	echo -1 > $OWNER
	wait $rmmod
	verify "unload_ends_with_$1" "the module is still there" [ ! -d /sys/module/cmwq2 ]
	verify "unload_is_well_with_$1" "the kernel complained" \
		[ $(($(cat /proc/sys/kernel/tainted) & ~$(cat /run/harness/taint) & ~HARMLESS_TAINT)) = 0 ]
	[ -z "$saved" ] || echo "$saved" > $SERVER
	unload cmwq2_owner
}

GROUPS_AT=/tmp/cgroup
CPUS=/sys/devices/virtual

# A cpuset removes CPU 1 from the scheduler's domains before the module is loaded.
isolated_by_cpuset() {
	local cell=$GROUPS_AT/owned
	mkdir -p $GROUPS_AT
	if ! mount -t cgroup2 none $GROUPS_AT 2>/dev/null || ! grep -qw cpuset $GROUPS_AT/cgroup.controllers; then
		skip isolated_by_cpuset "this kernel has no cpusets"
		return
	fi
	echo +cpuset > $GROUPS_AT/cgroup.subtree_control
	mkdir -p $cell
	echo 1 > $cell/cpuset.cpus
	echo isolated > $cell/cpuset.cpus.partition
	if [ "$(cat $cell/cpuset.cpus.partition)" != isolated ]; then
		skip isolated_by_cpuset "this kernel's cpusets isolate no CPU: $(cat $cell/cpuset.cpus.partition)"
	elif load cmwq2 $NEEDS_PARAMETERS; then
		verify isolated_by_cpuset \
			"unbound queues may use CPUs $(cat $CPUS/cmwq2/cpumask), the kernel's own $(cat $CPUS/workqueue/cpumask)" \
			[ "$(cat $CPUS/cmwq2/cpumask)" = "$(cat $CPUS/workqueue/cpumask)" ]
		unload cmwq2
	else
		not_ok isolated_by_cpuset "insmod failed"
	fi
	echo member > $cell/cpuset.cpus.partition
	rmdir $cell
	umount $GROUPS_AT
}

begin cmwq2_owned
# The shell and the processes that it starts stay off CPU 1.
taskset -p 1 $$ > /dev/null
for thread in helper reaper reporter; do
	# On UML without frame pointers the file exists, but is empty.
	if grep -qs proc_pid_stack /proc/self/stack && [ -d /sys/devices/system/cpu/cpu1 ]; then
		unload_waits_for $thread
	else
		skip "unload_waits_for_$thread" "this kernel does not tell where a task waits"
	fi
done
taskset -p 3 $$ > /dev/null
isolated_by_cpuset
end
