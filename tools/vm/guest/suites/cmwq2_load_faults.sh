# SPDX-License-Identifier: GPL-2.0
# Loading while memory runs out: the n-th allocation of insmod fails, for one n after another. Most are those of the
# kernel's module loader; the last are of the module's init, whose every way back is to leave nothing behind. What it
# leaves in memory is for kmemleak to find, and what it leaves registered makes a later load fail.
. /harness/settings
. /harness/lib.sh

# One n in this many is tried: all of them take minutes. STRIDE=1 tries each.
STRIDE=${STRIDE:-7}
# In a row that loaded, after some that did not: the allocations of insmod are used up.
ENOUGH=15
MOST=5000

# A process of its own, so that nothing but insmod is hit. The first faults hit execve, which the shell tries again.
insmod_with_fault() { # insmod_with_fault N
	sh -c 'echo "$1" > "/proc/$$/fail-nth" && exec insmod /modules/cmwq2.ko' sh "$1" 2>/dev/null
}

sweep() {
	local n=1 row=0
	FAILED=0
	while [ $n -lt $MOST ]; do
		[ $row -ge $ENOUGH ] && [ $FAILED -gt 0 ] && break
		if insmod_with_fault $n; then
			rmmod cmwq2 || return 1
			row=$((row + 1))
		else
			loaded cmwq2 && return 1
			FAILED=$((FAILED + 1)) row=0
		fi
		n=$((n + STRIDE))
	done
	LAST=$n
	[ $n -lt $MOST ]
}

begin cmwq2_load_faults
if [ ! -e /proc/self/fail-nth ] || [ "$(cat /sys/kernel/debug/failslab/ignore-gfp-wait 2>/dev/null)" != N ]; then
	skip every_allocation_of_insmod "needs a kernel with CONFIG_FAILSLAB and its debugfs"
else
	sweep
	verify every_allocation_of_insmod "stopped at allocation ${LAST:-?}" [ -n "$LAST" ]
	verify faults_came "only $FAILED of them made it fail" [ "$FAILED" -gt 10 ]
	verify loads_afterwards "insmod failed" load cmwq2
	verify unloads_afterwards "rmmod failed" unload cmwq2
	echo "harness: $FAILED loads failed, up to allocation $LAST" > /dev/kmsg
fi
end
