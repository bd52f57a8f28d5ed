# SPDX-License-Identifier: GPL-2.0
# Tests what user space can see of the engine: the dump and the counters in debugfs, and the sysrq key. cmwq2_show tests
# the contents of a dump.
. /harness/settings
. /harness/lib.sh
. /harness/bench.sh

DIR=/sys/kernel/debug/cmwq2
KEY=W

count() { # count NAME: prints one counter of the health file
	sed -n "s/^$1 //p" $DIR/health
}

reads() { # reads FILE: it can be read completely, twice, and writes are refused
	cat "$DIR/$1" > /tmp/first && cat "$DIR/$1" > /tmp/second && ! (echo x > "$DIR/$1") 2>/dev/null
}

# The backtraces of queueing exist while keep_stacks is on, and no longer.
stacks_are_kept() {
	[ -z "$(cat $DIR/stacks)" ] && echo Y > /sys/module/cmwq2/parameters/keep_stacks && load cmwq2_bench || return 1
	configure_bench engines=cmwq2 queue=percpu items=200 warmup=0 rounds=1 && echo 1 > $BENCH/run
	unload cmwq2_bench
	grep -q ': last queued by .* on CPU' $DIR/stacks &&
		echo N > /sys/module/cmwq2/parameters/keep_stacks && [ -z "$(cat $DIR/stacks)" ]
}

# The dump can be read while queues and pools are created and destroyed.
reads_under_load() {
	local round=0 status
	(while [ ! -e /tmp/stop ]; do cat $DIR/dump > /tmp/dump || exit 1; done) &
	while [ $round -lt 3 ]; do
		[ $((round % 2)) = 0 ] && queue=percpu || queue=unbound
		load cmwq2_bench &&
			configure_bench engines=cmwq2 queue=$queue items=200 warmup=0 rounds=1 && echo 1 > $BENCH/run
		unload cmwq2_bench
		round=$((round + 1))
	done
	: > /tmp/stop
	wait $!
	status=$?
	rm -f /tmp/stop
	return $status
}

sysrq_dumps() {
	local before=$(count dumps)
	echo $KEY > /proc/sysrq-trigger
	[ "$(count dumps)" = $((before + 1)) ]
}

# An open file pins the module, because the module's text must not be freed during a read.
open_file_keeps_module() {
	exec 7< $DIR/dump
	! rmmod cmwq2 2>/dev/null
	local status=$?
	exec 7<&-
	return $status
}

# The counters of pool->lock are off until they are switched on. Invalid values are refused.
LOCK_STAT=/sys/module/cmwq2/parameters/lock_stat

acquired() { # prints how often the locks of all pools were taken
	sed -n 's/^lock_stat=. acquired=\([0-9]*\) .*/\1/p' $DIR/lock_stat
}

lock_stat_refuses() {
	local value
	for value in YN maybe 2 ''; do
		! (echo "$value" > $LOCK_STAT) 2>/dev/null || return 1
	done
	! (echo 1 > $DIR/lock_stat) 2>/dev/null && ! (echo off > $DIR/lock_stat) 2>/dev/null && [ "$(cat $LOCK_STAT)" = N ]
}

lock_stat_counts() {
	echo Y > $LOCK_STAT && [ "$(cat $LOCK_STAT)" = Y ] || return 1
	load cmwq2_bench
	configure_bench engines=cmwq2 queue=percpu items=200 warmup=0 rounds=1 && echo 1 > $BENCH/run
	unload cmwq2_bench
	echo N > $LOCK_STAT
	[ "$(acquired)" -ge 600 ] && grep -q '^pool=' $DIR/lock_stat
}

lock_stat_resets() {
	echo 0 > $DIR/lock_stat && [ "$(acquired)" = 0 ] && ! grep -q '^pool=' $DIR/lock_stat
}

begin cmwq2_debugfs
if load cmwq2; then
	for file in dump stalls health stacks; do verify "reads_$file" "cannot be read, or can be written" reads $file; done
	for name in hog_reports stalls stall_reports pauses panics leaks dumps misuses; do
		verify "counts_$name" "is not 0 at load: $(count $name)" [ "$(count $name)" = 0 ]
	done
	verify lock_stat_off "counts at load" [ "$(acquired)" = 0 ]
	verify lock_stat_refuses "a value that means nothing was taken" lock_stat_refuses
	verify lock_stat_counts "$(acquired) were counted" lock_stat_counts
	verify lock_stat_resets "something is left" lock_stat_resets
	verify stacks_are_kept "$(head -n 1 $DIR/stacks)" stacks_are_kept
	verify dump_under_load "a read failed" reads_under_load
	verify open_file_keeps_module "rmmod took it away from under an open file" open_file_keeps_module
	if [ -w /proc/sysrq-trigger ]; then
		verify sysrq_dumps "no dump was made" sysrq_dumps
	else
		skip sysrq_dumps "this kernel has no sysrq"
	fi
	unload cmwq2
	verify files_are_gone "$DIR is left" [ ! -e $DIR ]
else
	not_ok load "insmod failed"
fi
end
