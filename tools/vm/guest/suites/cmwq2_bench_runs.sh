# SPDX-License-Identifier: GPL-2.0
# Tests runs of the benchmark that are ended early, settings that are refused during a run, and the order of the turns.
. /harness/settings
. /harness/lib.sh
. /harness/bench.sh

busy() {
	[ "$(says config_seed 1)" = "Device or resource busy" ]
}

uptime_s() {
	cut -d . -f 1 /proc/uptime
}

# Configures a run that would take hours.
endless() { # endless WORKLOAD
	local queue=$(queues_of "$1")
	default
	configure_bench workload="$1" queue="${queue%% *}" engines="$(engines_of "$1")" rounds=1000 items=1000 \
		queues=300 in_flight=100 calls=1000 burn_ns=1000
}

start_endless() { # start_endless WORKLOAD [NAME=VALUE...]: sets $pid to its process; fails if the run does not start
	local end=$(($(uptime_s) + 60))
	endless "$1" || return 1
	shift
	[ $# = 0 ] || configure_bench "$@" || return 1
	sh -c "echo 1 > $BENCH/run" 2>/tmp/run-says &
	pid=$!
	until grep -q running $BENCH/progress; do
		[ "$(uptime_s)" -lt $end ] || return 1
	done
}

# Prints what is wrong after a run that had to end without a result.
left_behind() {
	busy && echo "still busy"
	[ -s $BENCH/result ] && echo "there is a result"
	[ "$(cat $BENCH/progress)" = idle ] || echo "progress: $(cat $BENCH/progress)"
}

# A signal ends a run, and afterwards the module works as before.
interrupted() { # interrupted WORKLOAD
	local pid second said
	start_endless "$1" || { not_ok "interrupted_$1" "it does not start"; return; }
	second=$(says run 1)
	kill $pid
	wait $pid
	said=$(left_behind)
	[ "$second" = "Device or resource busy" ] || said="a second run beside it: $second"
	verify "interrupted_$1" "$said" [ -z "$said" ]
}

aborted() { # aborted WORKLOAD
	local pid said
	start_endless "$1" || { not_ok "aborted_$1" "it does not start"; return; }
	echo 1 > $BENCH/abort
	wait $pid && said="the run says nothing"
	said=$said$(left_behind)
	grep -q canceled /tmp/run-says || said="$said$(cat /tmp/run-says)"
	verify "aborted_$1" "$said" [ -z "$said" ]
}

# An abort without a run is not an error.
abort_idle() {
	default
	verify abort_idle "$(says abort 1)" [ "$(says abort 1)" = accepted ]
	verify abort_bad "$(says abort 0)" [ "$(says abort 0)" = "Invalid argument" ]
}

# The module cannot be unloaded during a run.
not_unloaded() {
	local pid said
	start_endless roundtrip || { not_ok not_unloaded "it does not start"; return; }
	rmmod cmwq2_bench 2>/dev/null && said="rmmod has unloaded it"
	echo 1 > $BENCH/abort
	wait $pid
	verify not_unloaded "$said" [ -z "$said" ]
}

idle_again() { # whether a run in the background has ended
	local end=$(($(uptime_s) + 60))
	while grep -q running $BENCH/progress; do
		[ "$(uptime_s)" -lt $end ] || return 1
	done
}

# A run in the background works like any other run and can be aborted.
background_aborted() { # background_aborted WORKLOAD
	local said= second
	endless "$1"
	[ "$(says run start)" = accepted ] || { not_ok "background_aborted_$1" "it does not start"; return; }
	grep -q "running workload=$1 " $BENCH/progress || said="progress: $(cat $BENCH/progress); "
	for second in 1 start; do
		[ "$(says run $second)" = "Device or resource busy" ] || said="${said}a second run beside it: $second; "
	done
	busy || said="${said}the configuration can be changed; "
	[ -s $BENCH/result ] && said="${said}there is a result; "
	rmmod cmwq2_bench 2>/dev/null && said="${said}rmmod has unloaded it; "
	echo 1 > $BENCH/abort
	idle_again || said="${said}it does not end; "
	[ "$(cat $BENCH/progress)" = "idle error=125" ] || said="${said}afterwards: $(cat $BENCH/progress); "
	[ -s $BENCH/result ] && said="${said}there is a result afterwards"
	verify "background_aborted_$1" "$said" [ -z "$said" ]
}

background_result() { # background_result WORKLOAD
	local queue=$(queues_of "$1") said=
	default
	configure_bench workload="$1" queue="${queue%% *}" engines="$(engines_of "$1")" $SMALL
	echo start > $BENCH/run || said="it does not start; "
	idle_again || said="${said}it does not end; "
	[ "$(cat $BENCH/progress)" = idle ] || said="${said}afterwards: $(cat $BENCH/progress); "
	[ "$(sed -n 2p $BENCH/result)" = status=ok ] || said="${said}the result says $(sed -n 2p $BENCH/result); "
	grep -q '^end=' $BENCH/result || said="${said}it is not whole"
	verify "background_result_$1" "$said" [ -z "$said" ]
}

# Bad settings of a run in the background are refused at once.
background_bad() {
	local said
	default
	verify background_bad "$(says run begin)" [ "$(says run begin)" = "Invalid argument" ]
	configure_bench workload=block queue=unbound
	said="$(says run start), $(cat $BENCH/progress)"
	verify background_refused "$said" [ "$said" = "Invalid argument, idle" ]
}

# A producer whose CPU goes offline can no longer be bound to it. The result of the run says so and has no figures.
cpu_lost() {
	local cpu=/sys/devices/system/cpu/cpu1/online pid said
	[ -e $cpu ] || { skip cpu_lost "CPUs cannot be taken offline here"; return; }
	start_endless roundtrip producers=2 || { not_ok cpu_lost "it does not start"; return; }
	echo 0 > $cpu
	wait $pid
	echo 1 > $cpu
	said=$(sed -n 2p $BENCH/result)
	verify cpu_lost "$said" [ "$said" = "status=failed reason=producer-lost-its-cpu" ]
}

order() { # order SEED: prints the order in which the engines had their turns
	configure_bench seed="$1" && echo 1 > $BENCH/run || return 1
	sed -n 's/^round=\([0-9]*\) engine=\([0-9]*\) position=\([0-9]*\) .*/\1:\2:\3/p' $BENCH/result | tr '\n' ' '
}

# The same seed gives the same order of turns, even if an engine is compared with itself.
seeds() {
	local first again other
	default
	configure_bench $SMALL rounds=6 queue=percpu engines=native,native,cmwq2,cmwq2
	first=$(order 7)
	again=$(order 7)
	other=$(order 8)
	verify seed_same "$first is not $again" [ "$first" = "$again" ]
	verify seed_other "$first" [ "$first" != "$other" ]
	verify seed_orders "no order at all" [ "$(echo "$first" | wc -w)" = 24 ]
}

begin cmwq2_bench_runs
if load cmwq2 && load cmwq2_bench; then
	seeds
	for workload in $WORKLOADS; do interrupted $workload; done
	for workload in roundtrip stream mixed imbalance create flush perfwq rescue; do aborted $workload; done
	abort_idle
	for workload in roundtrip switch create; do background_aborted $workload; done
	for workload in roundtrip create rescue; do background_result $workload; done
	background_bad
	not_unloaded
	cpu_lost
	unload cmwq2_bench
	unload cmwq2
else
	not_ok load "insmod failed"
fi
end
