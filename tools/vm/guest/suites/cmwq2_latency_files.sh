# SPDX-License-Identifier: GPL-2.0
# Tests the latency histograms and the tracepoints as a user sees them: the parameter, the file in debugfs, and those
# command lines of Documentation/monitoring.rst that need only a shell. cmwq2_latency tests what is counted.
. /harness/settings
. /harness/lib.sh
. /harness/bench.sh

FILE=/sys/kernel/debug/cmwq2/latency
SWITCH=/sys/module/cmwq2/parameters/latency
TRACING=/sys/kernel/tracing
ITEMS=300

work() { # work QUEUE
	load cmwq2_bench && configure_bench engines=cmwq2 queue="$1" items=$ITEMS warmup=0 rounds=1 producers=1 &&
		echo 1 > $BENCH/run && grep -q '^status=ok' $BENCH/result
}

items() { # items STAGE: prints the number of items of all pools
	awk -v stage="$1" '
		/^pool/ { pool = 1 } /^workqueue/ { pool = 0 }
		pool && $1 == stage { for (i = 2; i <= NF; i++) { split($i, pair, ":"); sum += pair[2] } }
		END { print sum + 0 }' $FILE
}

something() { # whether the file has text; its size is always 0
	grep -q . $FILE
}

nothing() {
	! something
}

off_is_empty() {
	[ "$(cat $SWITCH)" = N ] && work percpu && ! something
	local status=$?
	unload cmwq2_bench
	return $status
}

counts() { # counts QUEUE: every item is counted as done, and once in one of the two ways to be taken
	echo reset > $FILE
	work "$1" && [ "$(items end)" -ge $ITEMS ] &&
		[ $(($(items start) + $(items taken))) = "$(items end)" ]
	local status=$?
	unload cmwq2_bench
	return $status
}

says() { # says FILE VALUE: prints the error of a write, or "accepted"
	local said
	said=$(echo "$2" 2>&1 > "$1") && said=accepted
	echo "${said##*: }"
}

refused() { # refused NAME FILE VALUE...
	local name=$1 file=$2 said
	shift 2
	for value; do
		said=$(says "$file" "$value")
		[ "$said" = "Invalid argument" ] || { not_ok "refused_$name" "'$value': $said"; return; }
	done
	ok "refused_$name"
}

# Runs a documented command. Where it waits for events with sleep, items are queued instead.
as_documented() ( # as_documented NAME
	sleep() { work percpu; }
	eval "$(documented "$1")"
)

trace() {
	echo > $TRACING/trace
	echo 4096 > $TRACING/buffer_size_kb
	echo 1 > $TRACING/tracing_on
	as_documented trace		# in User-Mode Linux the clock "local" steps by a jiffy
	cp $TRACING/trace /tmp/trace	# while the module is loaded, so that its functions have names
	unload cmwq2_bench
	echo local > $TRACING/trace_clock
	echo 1408 > $TRACING/buffer_size_kb
	echo > $TRACING/trace
}

one_liner() { # one_liner NAME WANTED: the command's sum over the trace must count all items
	local out=$(cd /tmp && as_documented "$1") sum
	sum=$(echo "$out" | sed 's/^[^:]*: //; s/^pool=[0-9]* //' | awk '{ sum += $1 } END { print sum + 0 }')
	echo "$out" | save "oneliners/$1"
	verify "$1" "$sum instead of at least $2: $(echo "$out" | tr '\n' ';')" [ "$sum" -ge "$2" ]
}

# Tests the kernel's own histograms of events, if it has them.
hist_trigger() {
	[ -e $TRACING/events/cmwq2/cmwq2_execute_start/hist ] ||
		{ skip hist_trigger "this kernel has no HIST_TRIGGERS"; return; }
	as_documented hist-on > /tmp/hist
	verify hist_trigger "$(cat /tmp/hist)" grep -q "Hits: *[1-9]" /tmp/hist
	as_documented hist-off
	verify hist_is_off "it is still there" grep -q '^#' $TRACING/events/cmwq2/cmwq2_execute_start/trigger
	unload cmwq2_bench
}

begin cmwq2_latency_files
if load cmwq2; then
	verify off_is_empty "counts while off" off_is_empty
	refused switch $SWITCH "" 2 on off yes NY bogus
	refused file $FILE "" Reset reset2 0 bogus
	# The benchmark's queue no longer exists then, but its pool does, because other queues use it.
	for queue in unbound percpu; do
		verify "switch_on_$queue" "$(says $SWITCH Y)" [ "$(cat $SWITCH)" = Y ]
		verify "counts_$queue" "not all items, or not in each stage" counts $queue
	done
	echo N > $SWITCH
	verify stays_when_off "counts are gone" something
	echo reset > $FILE
	verify reset "not empty: $(cat $FILE)" nothing
	if [ -d $TRACING/events/cmwq2 ]; then
		trace
		one_liner awk-wait $ITEMS
		one_liner awk-functions $ITEMS
		one_liner awk-kicks 1
		hist_trigger
	else
		skip one_liners "this kernel has no tracefs"
	fi
	unload cmwq2
else
	not_ok load "insmod failed"
fi
if load cmwq2 latency=Y; then
	verify on_at_load "$(cat $SWITCH)" [ "$(cat $SWITCH)" = Y ]
	verify counts_from_load "not all items, or not in each stage" counts percpu
	unload cmwq2
else
	not_ok load_on "insmod latency=Y failed"
fi
end
