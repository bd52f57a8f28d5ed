# SPDX-License-Identifier: GPL-2.0
# What can be seen of the engine from user space: the dump and the counters in debugfs, and the sysrq key. What is
# in a dump is the concern of cmwq2_show.
. /harness/settings
. /harness/lib.sh
. /harness/bench.sh

DIR=/sys/kernel/debug/cmwq2
KEY=W

count() { # count NAME: a line of the health file
	sed -n "s/^$1 //p" $DIR/health
}

reads() { # reads FILE: as a whole, twice, and writes are refused
	cat "$DIR/$1" > /tmp/first && cat "$DIR/$1" > /tmp/second && ! (echo x > "$DIR/$1") 2>/dev/null
}

# Reading goes on while queues and pools come and go under it.
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

# An open file keeps the module: its text must not go while it is read.
open_file_keeps_module() {
	exec 7< $DIR/dump
	! rmmod cmwq2 2>/dev/null
	local status=$?
	exec 7<&-
	return $status
}

begin cmwq2_debugfs
if load cmwq2; then
	for file in dump health; do verify "reads_$file" "cannot be read, or can be written" reads $file; done
	for name in hog_reports stalls stall_reports pauses panics leaks dumps; do
		verify "counts_$name" "is not 0 at load: $(count $name)" [ "$(count $name)" = 0 ]
	done
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
