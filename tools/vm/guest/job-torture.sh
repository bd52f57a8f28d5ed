# SPDX-License-Identifier: GPL-2.0
# One boot of make torture. Each round loads the engine and cmwq2_torture, lets it run TORTURE_ITEMS items, and unloads
# both while items are in flight. Meanwhile a CPU goes down and up, and the system is frozen, if the machine can do that.
# The host hears what each round did.
. /harness/settings
. /harness/lib.sh

LOAD=/sys/module/cmwq2_torture/parameters
CPU=/sys/devices/system/cpu/cpu1/online
POWER=/sys/power
# Memory is compared from this round on, when all caches have been filled.
SETTLED=2

memory() { # prints how many kB the kernel uses for itself, as NAME:KB words
	local cache
	echo 3 > /proc/sys/vm/drop_caches
	# What threads have left is freed after a grace period, and then stays in caches for each CPU.
	sleep 1
	for cache in /sys/kernel/slab/*/shrink; do
		[ ! -w "$cache" ] || echo 1 > "$cache"
	done
	# Objects that are in use are counted, because slabs stay half empty.
	awk 'FNR > 2 { bytes += $2 * $4 } END { printf "Slab:%d\n", bytes / 1024 }' /proc/slabinfo
	awk '/^(KernelStack|Percpu|VmallocUsed):/ { print $1 $2 }' /proc/meminfo
}

total() { # total NAME:KB...
	local word kb=0
	for word; do kb=$((kb + ${word#*:})); done
	echo $kb
}

replug() { # takes a CPU down and up
	[ -w $CPU ] || return 0
	echo 0 > $CPU && echo 1 > $CPU || { complain "round $round: a CPU did not go down and up"; return 1; }
	replugs=1
}

freeze() { # freezes and thaws the system
	local said
	[ -w $POWER/pm_test ] || return 0
	said=$(echo freeze 2>&1 > $POWER/state) || { complain "round $round: the freezer says: ${said##*: }"; return 1; }
	freezes=1
}

run_items() { # waits until the load has run its items
	local ran told=0
	while ran=$(cat $LOAD/items) && [ "$ran" -lt "$TORTURE_ITEMS" ]; do
		usleep 20000
		# The host waits for events, and would take a long round for a guest that hangs.
		[ "$ran" = "$told" ] || event going
		told=$ran
	done
}

# Counters are read before the load ends, so a few items more have run.
one_round() {
	local begin=$(ms) replugs=0 freezes=0 items switches culled left
	load cmwq2 $TORTURE_CMWQ2 || return
	load cmwq2_torture "seed=$((TORTURE_SEED + round))" || return
	replug && freeze && run_items || return
	items=$(cat $LOAD/items) switches=$(cat $LOAD/switches) culled=$(cat $LOAD/culled)
	unload cmwq2_torture && unload cmwq2 || return
	left=$(leftovers | tr '\n' ';')
	[ -z "$left" ] || { complain "round $round left behind: $left"; return 1; }
	event did "items=$items" loads=1 "replugs=$replugs" "freezes=$freezes" "switches=$switches" "culled=$culled" \
		"ms=$(($(ms) - begin))"
}

# KASAN keeps freed memory for a while. Where it runs, kmemleak runs, too, and looks for leaks at the end of the boot.
memory_as_before() {
	local now=$(memory)
	event memory $before $now
	[ -e /sys/kernel/debug/kmemleak ] || [ $(($(total $now) - $(total $before))) -le "$TORTURE_KB" ] ||
		complain "kB of memory of the kernel after round $SETTLED:" $before "and after round $((round - 1)):" $now
}

event start torture
if [ -w $POWER/pm_test ]; then
	echo freezer > $POWER/pm_test
	echo 0 > /sys/module/suspend/parameters/pm_test_delay
fi
begin=$(ms)
round=1
while [ "$round" -le "$TORTURE_ROUNDS" ] && [ $(($(ms) - begin)) -lt $((1000 * TORTURE_SECONDS)) ]; do
	one_round || break
	event round "$round"
	[ "$round" != $SETTLED ] || before=$(memory)
	round=$((round + 1))
done
[ -z "$before" ] || memory_as_before
