# SPDX-License-Identifier: GPL-2.0
# Tests that loading the module cleans up after itself if an allocation fails. Each load lets another one fail. kmemleak
# looks for what was left behind.
. /harness/settings
. /harness/lib.sh

FAILSLAB=/sys/kernel/debug/failslab
# The first and the last allocation that fails, counted from the end of a load, and the distance between two that fail.
# In this range the engine makes its pods, its pools and the first queues. The range ends before bus_register(): if that
# function of the kernel has no memory, lockdep warns, because it unregisters a key that is not registered yet.
FIRST=${FIRST:-420} LAST=${LAST:-200} STRIDE=${STRIDE:-13}
# More allocations than a load makes.
ENOUGH=100000

is_over() { # whether insmod has ended
	local state
	read -r _ _ state _ < "/proc/$insmod/stat" && [ "$state" = Z ]
}

# Loads cmwq2 while the N-th allocation of insmod fails. insmod tries a second time if its first attempt has failed.
# $left is how many allocations were still missing until the N-th one. It is read after insmod has ended. At that time
# /proc has insmod only if its parent does not wait for it, so the parent is sleep, which is killed afterwards.
load_with() { # load_with N
	local parent pid=/run/harness/insmod
	rm -f $pid
	left=
	sh -c "sh -c 'echo $1 > /proc/self/fail-nth; exec insmod /modules/cmwq2.ko' 2> /dev/null &
		echo \$! > $pid.new; mv $pid.new $pid; exec sleep 60" &
	parent=$!
	await 10 [ -e $pid ] && read -r insmod < $pid && await 10 is_over && read -r left < "/proc/$insmod/fail-nth"
	kill $parent
	wait $parent
	loaded cmwq2
}

fails_cleanly() {
	local n total files
	# This one is known to lib.sh.
	load cmwq2 && unload cmwq2 || { not_ok load "insmod failed"; return; }
	load_with $ENOUGH || { not_ok load_twice "insmod failed"; return; }
	[ "$left" ] || { not_ok count "insmod did not end in time"; return; }
	total=$((ENOUGH - left))
	unload cmwq2
	n=$((total - FIRST))
	[ $n -gt 0 ] || { not_ok count "a load makes only $total allocations"; return; }
	while [ $n -le $((total - LAST)) ]; do
		load_with $n || { not_ok loads_again "allocation $n of $total failed: insmod failed twice"; return; }
		[ "$left" = 0 ] || { not_ok allocation_fails "allocation $n of $total did not fail"; return; }
		unload cmwq2 || { not_ok unload "allocation $n of $total failed: rmmod failed"; return; }
		files=$(leftovers | tr '\n' ';')
		[ -z "$files" ] || { not_ok leaves_nothing "allocation $n of $total failed: left behind: $files"; return; }
		event failed "$n" "$total"
		n=$((n + STRIDE))
	done
	ok fails_cleanly
}

begin cmwq2_load_faults
if [ -e $FAILSLAB/ignore-gfp-wait ]; then
	echo N > $FAILSLAB/ignore-gfp-wait
	# Each failing allocation would print a trace.
	echo 0 > $FAILSLAB/verbose
	fails_cleanly
else
	skip fails_cleanly "allocations cannot fail here"
fi
end
