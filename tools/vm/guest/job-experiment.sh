# SPDX-License-Identifier: GPL-2.0
# Runs the benchmark several times in one boot. STEPS has a line for each run: its name, then parameters of the engine
# as .NAME=VALUE, then settings of the benchmark.
. /harness/settings
. /harness/lib.sh
. /harness/bench.sh

PARAMETERS=/sys/module/cmwq2/parameters

step() { # step NAME WORD...
	local name=$1 word before=
	shift
	event start "$name"
	echo 1 > $BENCH/reset
	for word; do
		case $word in
		.*)
			word=${word#.}
			before="$before ${word%%=*}=$(cat "$PARAMETERS/${word%%=*}")"
			echo "${word#*=}" > "$PARAMETERS/${word%%=*}" || { complain "$word was refused"; return 1; } ;;
		*)
			configure_bench "$word" || return 1 ;;
		esac
	done
	run_bench || return 1
	save "steps/$name" < /results/bench
	for word in $before; do echo "${word#*=}" > "$PARAMETERS/${word%%=*}"; done
}

load cmwq2 && load cmwq2_bench || exit 0
while read -r words; do
	[ -z "$words" ] || step $words < /dev/null || break
done << END
$STEPS
END
unload cmwq2_bench
unload cmwq2
