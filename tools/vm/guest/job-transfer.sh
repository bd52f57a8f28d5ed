# SPDX-License-Identifier: GPL-2.0
# Runs benchmarks with a policy off and on, in the kernel's own workqueue and in cmwq2. TRANSFER_RUNS has the settings
# of the runs, separated by semicolons, TRANSFER_OFF and TRANSFER_ON the engines of a turn. PARAMETERS are those of the
# kernel's module workqueue, and ROUNDS the number of rounds. The results are transfer/RUN/ROUND.off and .on, and those
# of a run that was made once more transfer/RUN.again/ROUND.off and .on.
. /harness/settings
. /harness/lib.sh
. /harness/bench.sh

switch() { # switch VALUE: sets all parameters
	local name
	for name in $PARAMETERS; do
		echo "$1" > "/sys/module/workqueue/parameters/$name" || { complain "$name=$1 was refused"; return 1; }
	done 2> /dev/null
}

# The turns of both engines are one run of the benchmark, which takes them in a random order.
turns() { # turns RUN ROUND STATE: STATE is off or on
	local value=N engines=$TRANSFER_OFF
	[ "$3" = off ] || { value=Y engines=$TRANSFER_ON; }
	switch $value || return 1
	configure_bench engines="$engines" seed=$((FIRST_SEED + $2)) && run_bench "transfer/$1/$2.$3"
}

# Every second round begins with the policy on, so that a drift of the machine's speed favours neither.
attempt() { # attempt NAME NUMBER SETTING...: makes all rounds of a run, and saves their results below NAME
	local name=$1 number=$2 round=0
	shift 2
	configure_bench "$@" || return 1
	event start "bench run $number"
	while [ "$round" -lt "$ROUNDS" ]; do
		event round progress "$number" "turns=$round of=$ROUNDS left_ms=-"
		if [ $((round % 2)) = 0 ]; then
			turns "$name" $round off && turns "$name" $round on || return 1
		else
			turns "$name" $round on && turns "$name" $round off || return 1
		fi
		round=$((round + 1))
	done
}

# After a run the host says whether it was busy with something else. If so, the run is made once more.
one_run() { # one_run NUMBER SETTING...
	local number=$1
	attempt "$number" "$@" || return 1
	if [ "$(choose judge "$number")" = again ]; then
		attempt "$number.again" "$@" || return 1
		choose judge "$number" > /tmp/says
	fi
}

switch N && load cmwq2 && load cmwq2_bench || exit 0
default
each_run "$TRANSFER_RUNS" one_run
switch N
unload cmwq2_bench
unload cmwq2
