# SPDX-License-Identifier: GPL-2.0
# Several runs of the benchmark in one boot; BENCH_RUNS has their settings, by semicolons. A run that cannot be made,
# because this kernel lacks something, is told as such and does not keep the others from theirs.
. /harness/settings
. /harness/lib.sh
. /harness/bench.sh

tell_progress() { # tell_progress NUMBER: until killed
	while sleep 2; do
		event round progress "$1" "$(cat $BENCH/progress)"
	done
}

one_run() { # one_run NUMBER SETTING...
	local number=$1 hook=auto watcher settings= pair
	shift
	for pair; do
		case $pair in
		hook=*) hook=${pair#hook=} ;;
		*) settings="$settings $pair" ;;
		esac
	done
	load cmwq2 hook="$hook" && load cmwq2_bench || return
	dmesg -c > /dev/null
	event start "bench run $number"
	tell_progress "$number" &
	watcher=$!
	if set_and_run $settings 2> /tmp/says; then
		save "bench/$number" < $BENCH/result
	else
		{ cat /tmp/says; dmesg | sed -n 's/.*cmwq2_bench: //p'; } | save "bench/$number.failed"
	fi
	kill $watcher
	wait $watcher
	unload cmwq2_bench
	unload cmwq2
	event done "$number"
}

set_and_run() { # set_and_run SETTING...
	local pair
	for pair; do
		echo "${pair#*=}" > "$BENCH/config_${pair%%=*}" || return 1
	done
	echo 1 > $BENCH/run
}

number=0
IFS=';'
for settings in $BENCH_RUNS; do
	IFS=' '
	one_run $number $settings
	number=$((number + 1))
done
