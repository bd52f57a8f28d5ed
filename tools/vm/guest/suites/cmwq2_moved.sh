# SPDX-License-Identifier: GPL-2.0
# Runs two modules of the kernel's own tree that test its workqueue, as they are and moved to cmwq2. wq_stall has an item
# that sleeps unnoticed and holds up a second one; test_workqueue measures each affinity scope. Both report what they do
# only in the kernel's log, so this suite reads their lines there.
. /harness/settings
. /harness/lib.sh
. /harness/bench.sh

STALLS=/sys/kernel/debug/cmwq2/stalls
SECOND="wq_stall: second work item finally ran"
ITEMS="wq_items=100 nr_threads=2"

second_ran() { # whether the second item has run since the log was cleared
	dmesg | grep -q "$SECOND"
}

named() { # whether the verdict names both items and the reason
	grep -q "^stall: hog: .* stall_work2_fn .*" $STALLS && grep -q " runs stall_work1_fn " $STALLS
}

# Loads a module with the two items, and runs COMMAND. Unloading the module ends the stall, so the second item runs then.
stall() { # stall CASE MODULE WHY COMMAND...
	local name=$1 module=$2 why=$3
	shift 3
	dmesg -c > /dev/null
	load $module || { not_ok "$name" "insmod failed"; return; }
	if "$@"; then ok "$name"; else not_ok "$name" "$why"; fi
	unload $module
	verify "${name}_ended" "the second item has not run although the module is gone" second_ran
}

never() { # never COMMAND: whether COMMAND does not succeed within two seconds
	! await 2 "$@"
}

on_cmwq2() { # on_cmwq2 CASE MODULE PARAMETER WHY COMMAND...: the same with cmwq2 loaded for this case
	local name=$1 module=$2 parameter=$3
	shift 3
	load cmwq2 $parameter || { not_ok "$name" "insmod cmwq2 failed"; return; }
	stall "$name" $module "$@"
	unload cmwq2
}

scopes() { # scopes FILE: prints the first column of a table
	cut -d ' ' -f 1 "$1" | tr '\n' ' '
}

refused() { # whether the moved modules cannot be loaded without cmwq2
	! insmod /modules/wq_stall_moved.ko 2> /dev/null && ! insmod /modules/test_workqueue_moved.ko 2> /dev/null
}

begin cmwq2_moved
if [ ! -e /modules/wq_stall.ko ] || [ ! -e /modules/test_workqueue.ko ]; then
	skip stalls "this kernel's tree lacks samples/workqueue/stall_detector or lib/test_workqueue.c"
	end
	exit
fi
# wq_stall announces the kernel's message about a stall, word for word. The host would take that for the message itself, so
# such lines, which are only informative, stay in the log and do not go to the console.
dmesg -n 6
verify needs_cmwq2 "insmod without cmwq2 is not refused" refused

# The same code stalls on the kernel's workqueue. On cmwq2 the hook notices that the item sleeps; so does the scan if there
# is no hook.
stall native_stalls wq_stall "the second item has run" never second_ran
hooks="auto timer"
zcat /proc/config.gz | grep -q '^CONFIG_PREEMPT_NOTIFIERS=y' && hooks="auto pn timer"
for hook in $hooks; do
	on_cmwq2 prevented_$hook wq_stall_moved hook=$hook "the second item has not run" await 20 second_ran
done
# An item that keeps its CPU is taken out of the count after a while. Without that the verdict names both items.
on_cmwq2 prevented_busy wq_stall_busy "" "the second item has not run" await 20 second_ran
on_cmwq2 named_busy wq_stall_busy cpu_intensive_thresh_us=0 "the verdict does not name the stall" await 20 named

# A line on the console brings all lines before it there, or keeps them away, before the level is what it was.
echo "harness: wq_stall has ended" > /dev/kmsg
dmesg -n 7

kernels_own test_workqueue $ITEMS > /results/native
if load cmwq2; then
	kernels_own test_workqueue_moved $ITEMS > /results/moved
	unload cmwq2
	verify tables "the tables have the scopes $(scopes /results/native)and $(scopes /results/moved)" \
		[ "$(scopes /results/native)" = "cpu smt cache_shard cache numa system " -a \
		"$(scopes /results/native)" = "$(scopes /results/moved)" ]
else
	not_ok tables "insmod cmwq2 failed"
fi
end
