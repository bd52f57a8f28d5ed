# SPDX-License-Identifier: GPL-2.0
# Tests the benchmark module: every workload gives a complete result on every kind of queue, and invalid settings are
# refused and change nothing. No figure is judged here.
. /harness/settings
. /harness/lib.sh
. /harness/bench.sh

# Prints what is wrong with the result, or nothing if it is complete.
flaws() {
	awk '
	function want(key) { if (!(key in has)) print "line " NR " has no " key }
	# A missing value is neither too low nor too high.
	function ordered(low, high) {
		if (has[low] != "-" && has[high] != "-" && has[low] + 0 > has[high] + 0)
			print "line " NR ": " low " " has[low] " is above " high " " has[high]
	}
	{
		split("", has)
		for (i = 1; i <= NF; i++) { key = $i; sub(/=.*/, "", key); has[key] = substr($i, length(key) + 2) }
	}
	/^workload=/ { workload = substr($0, 10) }
	NR == 2 && $0 != "status=ok" { print $0 }
	/^rounds=/ { rounds = substr($0, 8) }
	/^engines=/ { engines = split(substr($0, 9), names, ",") }
	/^figures=/ { nr = split(substr($0, 9), figures, ",") }
	/^engine=/ {
		seen++
		for (f = 1; f <= nr; f++) {
			want(figures[f]); want(figures[f] "_min")
			if (names[1] == "native") want(figures[f] "_to_native")
		}
	}
	/^round=/ {
		samples++
		for (f = 1; f <= nr; f++) want(figures[f])
		for (p = 1; p <= split("/start_/done_/create_/destroy_/makespan_", of, "/"); p++)
			if (of[p] "p50_ns" in has) {
				times++
				for (q = 1; q < split("p50 p90 p95 p99 max", quantile, " "); q++)
					ordered(of[p] quantile[q] "_ns", of[p] quantile[q + 1] "_ns")
			}
		for (q in quantile)
			if ("done_" quantile[q] "_ns" in has)
				ordered("start_" quantile[q] "_ns", "done_" quantile[q] "_ns")
		if ((has["held_bytes"] == "-") != (workload ~ /^(create|rescue|switch)$/))
			print "held_bytes=" has["held_bytes"]
		# Pools are those of a queue that lives as long as the run.
		for (p = 1; p <= split("pool_workers peak_workers", of, " "); p++)
			if ((has[of[p]] == "-") != (workload ~ /^(create|rescue|switch|perfwq)$/) &&
			    names[has["engine"] + 1] !~ /^(floor|threads)$/)
				print of[p] "=" has[of[p]]
		ordered("pool_workers", "workers")
		ordered("pool_workers", "peak_workers")
		# A worker that goes to sleep is a thread that is switched. When threads end, both sums lose them.
		if (workload !~ /^(create|perfwq)$/) ordered("sleeps_per_1000", "switches_per_1000")
	}
	END {
		if ($0 != "end=" NR - 1) print "the last line is " $0
		if (!engines || seen != engines) print seen + 0 " engines"
		if (workload !~ /^(flush|drain|cancel)$/ && !times) print "no quantiles"
		if (!rounds || samples != rounds * engines) print samples + 0 " samples"
	}' $BENCH/result | tr '\n' ';'
}

has_scopes() { # whether the kernel's own queues have affinity scopes; this one always exists in sysfs
	[ -e /sys/devices/virtual/workqueue/writeback/affinity_scope ]
}

# perfwq is made short, because its items sleep for up to 200 ms. The items of imbalance have to take CPU time.
more_for() { # more_for WORKLOAD
	case $1 in
	perfwq) echo rounds=1 long_burn=1 ;;
	imbalance) echo burn_ns=20000 ;;
	esac
}

whole() { # whole WORKLOAD QUEUE [NAME=VALUE...]
	local name="whole_$1_$2${3:+_${3%%=*}}" wrong
	if [ "$2" = unbound ] && [ "$1" != create ] && [ "$1" != perfwq ] && ! has_scopes; then
		skip "$name" "this kernel's own queues have no affinity scopes, so there is nothing to compare with"
		return
	fi
	default
	configure_bench workload="$1" queue="$2" $SMALL seed=1 engines=$(engines_of "$1") $(more_for "$1") ${3:+"$3"} ||
		{ not_ok "$name" "the settings were refused"; return; }
	echo 1 > $BENCH/run || { not_ok "$name" "the run could not be made"; return; }
	wrong=$(flaws)
	verify "$name" "$wrong" [ -z "$wrong" ]
}

# Runs the workload rescue under each policy of the rescuer.
whole_rescue() { # whole_rescue ITEMS FOREIGN
	local name="whole_rescue_$1_$2" wrong
	default
	configure_bench workload=rescue queue=percpu rounds=2 items="$1" foreign="$2" seed=1
	echo 1 > $BENCH/run || { not_ok "$name" "the run could not be made"; return; }
	wrong=$(flaws)
	verify "$name" "$wrong" [ -z "$wrong" ]
}

refused() { # refused NAME VALUE...: each write fails with EINVAL and does not change the setting
	local name=$1 before value said
	shift
	before=$(cat "$BENCH/config_$name")
	for value; do
		said=$(says "config_$name" "$value")
		[ "$said" = "Invalid argument" ] || { not_ok "refused_$name" "'$value': $said"; return; }
		[ "$(cat "$BENCH/config_$name")" = "$before" ] || { not_ok "refused_$name" "'$value' changed it"; return; }
	done
	ok "refused_$name"
}

no_run() { # no_run NAME SETTING...: each setting is valid, but the combination is refused
	local name=$1 said
	shift
	default
	configure_bench "$@"
	said=$(says run 1)
	[ -s $BENCH/result ] && said="$said, and there is a result"
	verify "no_run_$name" "$said" [ "$said" = "Invalid argument" ]
}

default_engines() {
	default
	echo create > $BENCH/config_workload
	local chosen=$(cat $BENCH/config_engines)
	case $chosen in
	*floor*) not_ok default_engines "a floor has nothing to create: $chosen"; return ;;
	esac
	echo native > $BENCH/config_engines
	echo roundtrip > $BENCH/config_workload
	verify default_engines "a list that was given changed" [ "$(cat $BENCH/config_engines)" = native ]
}

# A turn may set its own policies. Afterwards the previous policies must be in force again.
policies() {
	local a=cmwq2:claim=kicked_list+wake=locked b=cmwq2:wake=locked before said=ok
	before=$(cat /sys/module/cmwq2/parameters/profile)
	default
	configure_bench $SMALL workload=burst engines=$a,$b || said="refused"
	echo 1 > $BENCH/run
	grep -q "name=$a .* claim=kicked_list .*wake=locked" $BENCH/result || said="not in force: $a"
	grep -q "name=$b .* claim=none .*wake=locked" $BENCH/result || said="not in force: $b"
	[ "$(cat /sys/module/cmwq2/parameters/profile)" = "$before" ] || said="still in force"
	verify policies "$said" [ "$said" = ok ]
}

# The result has the cost of pool->lock if it is counted, and only then.
lock_stat() {
	local said=ok
	default
	configure_bench $SMALL queue=percpu engines=native,cmwq2
	echo 1 > $BENCH/run
	grep -q lock_held_ns $BENCH/result && said="counted while off"
	echo Y > /sys/module/cmwq2/parameters/lock_stat
	echo 1 > $BENCH/run
	echo N > /sys/module/cmwq2/parameters/lock_stat
	grep -q "^engine=1 .* wakeups_per_item=[0-9.]* lock_contended_share=[0-9.]* lock_held_ns_each=[1-9]" $BENCH/result ||
		said="not in the result"
	verify lock_stat "$said" [ "$said" = ok ]
}

run_with() { # run_with SETTING...: does a run of native and cmwq2
	default
	configure_bench $SMALL engines=native,cmwq2 "$@" && echo 1 > $BENCH/run
}

# Compares the figures of a run with what must have happened. In the condition, which is one of awk, the names of figures
# stand for their values in a round, and "cpus" for the number of CPUs. A figure that is missing is -1.
holds() { # holds NAME CONDITION: passes if every round of every engine satisfies the condition
	local wrong
	wrong=$(sed -n '/^round=/s/=-/=-1/gp' $BENCH/result | while read -r line; do
		awk "BEGIN { cpus = $(nproc); $(echo "$line" | tr ' ' ';'); if (!($2)) print \"$line\" }"
	done)
	grep -q '^round=' $BENCH/result || wrong="there is no round"
	verify "$1" "not $2: $wrong" [ -z "$wrong" ]
}

# Delays and limits that a run is sure to have must be visible in its figures, and only in those of such a run.
visible() {
	run_with workload=roundtrip queue=percpu
	holds visible_no_pause "rate > 1000"
	run_with workload=roundtrip queue=percpu pause_us=2000
	holds visible_pause "rate <= 1000"
	run_with workload=busy queue=percpu burn_after_us=500
	holds visible_burn_after "rate <= 4400 && queued >= 110"
	run_with workload=stream queue=percpu burn_ns=100000
	holds visible_stream "rate <= cpus * 11000 && queued >= 110"
	run_with workload=mixed queue=ordered in_flight=20 long_ns=100000
	holds visible_mixed "start_p50_ns >= 1000000 && short_rate > 0 && long_rate > 0 && queued >= 55"
	run_with workload=mixed queue=ordered in_flight=1 long_ns=0
	holds visible_mixed_idle "start_p50_ns < 1000000"
	run_with workload=mixed queue=percpu burn_ns=200000 pause_us=2000
	holds visible_mixed_pause "rate <= 500 && done_p50_ns >= 180000"
	# On a percpu queue all items run on the producer's CPU.
	run_with workload=imbalance queue=percpu burn_ns=500000 per_cpu=2
	holds visible_imbalance "queued == 3 * 2 * cpus && ideal_ns == 1000000 && makespan_ppm_of_ideal >= cpus * 900000 &&
		(crowded_per_1000 == 1000 || cpus == 1)"
	holds visible_cpu_time "cpu_ns >= 400000"
	run_with workload=block queue=percpu in_flight=16
	holds visible_workers "pool_workers >= 16 && peak_workers >= pool_workers"
	# Producer and worker share a CPU, so an item takes two switches. All of them are bound.
	run_with workload=roundtrip queue=percpu items=2000
	holds visible_switches "switches_per_1000 >= 1900 && migrations_per_1000 <= 50"
}

# A thread that is moved from CPU to CPU during the run shows in the figure for migrations.
visible_migrations() {
	local spinner mover
	[ "$(nproc)" -gt 1 ] || { skip visible_migrations "there is only one CPU"; return; }
	while :; do :; done &
	spinner=$!
	while taskset -p 1 $spinner && taskset -p 2 $spinner; do :; done > /dev/null 2>&1 &
	mover=$!
	run_with workload=roundtrip queue=percpu pause_us=5000
	kill $mover $spinner
	holds visible_migrations "migrations_per_1000 > 50"
}

switched() { # switched PID TIMES: whether the thread has left its CPU so often
	[ "$(awk '/ctxt_switches/ { n += $2 } END { print n }' "/proc/$1/status")" -ge "$2" ]
}

progressed() { # progressed TURNS: whether so many turns are over, or the run
	! grep -q '^running' $BENCH/progress || [ "$(sed 's/.*turns=\([0-9]*\).*/\1/' $BENCH/progress)" -ge "$1" ]
}

# What a thread did before a turn is not missing in the turn's figures if the thread ends in it.
visible_ended() {
	local thread
	while usleep 1; do :; done &
	thread=$!
	await 60 switched $thread 1000 || { not_ok visible_ended "the thread does not sleep"; return; }
	default
	configure_bench $SMALL engines=native,cmwq2 workload=roundtrip queue=percpu items=10 pause_us=10000
	echo start > $BENCH/run
	await 60 progressed 1
	kill $thread
	await 60 grep -q '^idle' $BENCH/progress
	holds visible_ended "switches_per_1000 >= sleeps_per_1000 && sleeps_per_1000 > 0"
}

begin cmwq2_bench
if load cmwq2 && load cmwq2_bench; then
	for workload in $WORKLOADS; do
		for queue in $(queues_of $workload); do whole $workload $queue; done
	done
	whole create percpu mem_reclaim=1
	whole create unbound queues=1
	whole create percpu engines=native,threads
	whole flush percpu in_flight=1
	whole batch percpu engines=native,floor,threads
	whole batch percpu in_flight=1
	whole batch percpu burn_ns=1000
	whole delayed percpu engines=native,threads
	whole perfwq percpu engines=native,threads
	for load in 0 5; do whole perfwq percpu load=$load; done
	whole stream unbound in_flight=4096
	whole stream percpu in_flight=1
	whole mixed unbound producers=6
	whole mixed unbound engines=native,floor
	whole busy unbound engines=native,floor,threads
	whole imbalance unbound per_cpu=4
	whole imbalance unbound engines=native,floor
	visible
	visible_migrations
	visible_ended
	whole_rescue 1 0
	whole_rescue 5000 5000
	default
	refused workload "" bogus create,flush
	refused queue "" bogus bound
	refused scope "" bogus all
	refused queues "" 0 10001 -1 99999999999 many
	refused mem_reclaim "" 2 -1 yes
	refused in_flight "" 0 10001 -1 0x10000000000
	refused calls "" 0 1001 -1 few
	refused foreign "" -1 1000001 none
	refused rounds "" 0 1001
	refused producers "" 0 4000000000 99999
	refused items "" 0 1000001
	refused delay_ms "" 0 1001
	refused burn_ns "" -1 1000001
	refused long_ns "" -1 1000001
	refused burn_after_us "" -1 1001
	refused pause_us "" -1 100001
	refused per_cpu "" 0 17
	refused load "" 6 -1 wl0
	refused job_ms "" 0 60001
	refused engines "" bogus floor: native:mainline-7.3 cmwq2:bogus cmwq2:claim=bogus cmwq2:claim= \
		cmwq2:rescue=bogus cmwq2:min_idle=3 cmwq2:claim=none+
	default_engines
	policies
	lock_stat
	for workload in create flush drain delayed stream cancel block switch perfwq; do
		queue=$(queues_of $workload)
		no_run floor_$workload workload=$workload queue=${queue%% *} engines=native,floor
	done
	for workload in flush drain stream cancel block switch; do
		queue=$(queues_of $workload)
		no_run threads_$workload workload=$workload queue=${queue%% *} engines=native,threads
	done
	no_run producers producers=8 items=1000000 engines=native
	no_run in_flight workload=flush in_flight=10000 calls=1000 engines=native
	no_run batch workload=batch in_flight=257 engines=native
	no_run stream workload=stream in_flight=4097 engines=native
	no_run mixed workload=mixed in_flight=257 engines=native
	no_run imbalance_burn workload=imbalance burn_ns=999 engines=native
	no_run block_unbound workload=block queue=unbound engines=native
	no_run block_alone workload=block queue=percpu in_flight=1 engines=native
	no_run cancel_percpu workload=cancel queue=percpu engines=native
	no_run rescue_native workload=rescue queue=percpu engines=native
	no_run rescue_floor workload=rescue queue=percpu engines=cmwq2,floor
	no_run rescue_unbound workload=rescue queue=unbound
	unload cmwq2_bench
	unload cmwq2
else
	not_ok load "insmod failed"
fi
end
