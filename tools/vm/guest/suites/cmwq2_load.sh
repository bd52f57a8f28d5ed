# SPDX-License-Identifier: GPL-2.0
# Tests loading and unloading, which no suite inside a module can do: nothing may be left behind, and invalid values
# must be refused, at load and later.
. /harness/settings
. /harness/lib.sh
. /harness/bench.sh

ROUNDS=${ROUNDS:-5}

insmod_says() { # insmod_says NAME [PARAM=VALUE...]: prints the error of insmod, or "loaded"
	local name=$1 said
	shift
	said=$(insmod "/modules/$name.ko" "$@" 2>&1) && said=loaded
	echo "${said##*: }"
}

# A round of loading without items would never create more than the first workers.
work() { # work QUEUE
	load cmwq2_bench || return 1
	configure_bench engines=cmwq2 queue="$1" items=200 warmup=0 rounds=1 && echo 1 > $BENCH/run &&
		grep -q '^status=ok' $BENCH/result && unload cmwq2_bench
}

rounds() {
	local round=1 left queue
	while [ "$round" -le "$ROUNDS" ]; do
		load cmwq2 || { not_ok load_unload "round $round: insmod failed"; return; }
		[ $((round % 2)) = 0 ] && queue=percpu || queue=unbound
		work $queue || { not_ok load_unload "round $round: no work was done"; return; }
		unload cmwq2 || { not_ok load_unload "round $round: rmmod failed"; return; }
		left=$(leftovers | tr '\n' ';')
		[ -z "$left" ] || { not_ok load_unload "round $round left behind: $left"; return; }
		event round "$round"
		round=$((round + 1))
	done
	ok load_unload
}

twice() {
	load cmwq2 || { not_ok load_twice "insmod failed"; return; }
	local said=$(insmod_says cmwq2)
	verify load_twice "the second insmod says: $said" [ "$said" = "File exists" ]
	unload cmwq2
}

in_use() {
	load cmwq2 && load cmwq2_bench || { not_ok unload_in_use "insmod failed"; return; }
	rmmod cmwq2 2>/dev/null && not_ok unload_in_use "rmmod took it away from under cmwq2_bench" || ok unload_in_use
	unload cmwq2_bench
	unload cmwq2
}

refused_at_load() { # refused_at_load PARAMETER
	local said left
	# These parameters have allocated memory by then, which must be freed.
	said=$(insmod_says cmwq2 keep_stacks=Y latency=Y "$1=bogus")
	loaded cmwq2 && unload cmwq2
	left=$(leftovers | tr '\n' ';')
	if [ "$said" != "Invalid argument" ]; then
		not_ok "load_bad_$1" "insmod with $1=bogus says: $said"
	else
		verify "load_bad_$1" "left behind: $left" [ -z "$left" ]
	fi
}

refused_later() { # refused_later PARAMETER
	local file=/sys/module/cmwq2/parameters/$1 before after said
	[ -e "$file" ] || { not_ok "write_bad_$1" "there is no $file"; return; }
	before=$(cat "$file")
	said=$(echo bogus 2>&1 > "$file") && said=accepted
	after=$(cat "$file")
	# A parameter that is fixed at load has a file that cannot be opened for writing, which is another error.
	[ -n "$(find "$file" -perm -200)" ] || [ "$said" = accepted ] || said="Invalid argument"
	if [ "${said##*: }" != "Invalid argument" ]; then
		not_ok "write_bad_$1" "writing bogus says: $said"
	else
		verify "write_bad_$1" "was $before, became $after" [ "$before" = "$after" ]
	fi
}

best_hook() { # prints the best hook that this kernel supports
	if grep -q ' __traceiter_sched_entry_tp$' /proc/kallsyms; then
		echo tp
	elif grep -q ' preempt_notifier_register$' /proc/kallsyms; then
		echo pn
	else
		echo timer
	fi
}

auto_hook() {
	load cmwq2 && load cmwq2_bench || { not_ok auto_hook "insmod failed"; return; }
	configure_bench engines=cmwq2 items=1 warmup=0 rounds=1 && echo 1 > $BENCH/run
	local took=$(sed -n 's/^hook=//p' $BENCH/result)
	verify auto_hook "took ${took:-none} instead of $(best_hook)" [ "$took" = "$(best_hook)" ]
	unload cmwq2_bench
	unload cmwq2
}

begin cmwq2_load
rounds
twice
in_use
auto_hook
if load cmwq2; then
	parameters=$(ls /sys/module/cmwq2/parameters)
	for needed in hook claim wake profile; do
		verify "has_$needed" "no such parameter" [ -e "/sys/module/cmwq2/parameters/$needed" ]
	done
	for parameter in $parameters; do refused_later "$parameter"; done
	unload cmwq2
	for parameter in $parameters; do refused_at_load "$parameter"; done
else
	not_ok parameters "insmod failed"
fi
end
