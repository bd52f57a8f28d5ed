# SPDX-License-Identifier: GPL-2.0
# Runs the suites named in SUITES (KUnit, in module KUNIT_MODULE) and SHELL_SUITES, one at a time, so that what
# the kernel says can be put down to one of them and a panic costs no more than the suite it happened in.
. /harness/settings
. /harness/lib.sh

ms() { # milliseconds since boot
	local up
	read -r up _ < /proc/uptime
	echo $((${up%.*} * 1000 + 10 * 1${up#*.} - 1000))
}

# What went wrong in the kernel while one suite ran is that suite's failure. What the kernel says when the modules go
# is told as that: the suite's cases may all have passed, and what they left behind is found then.
blame() { # blame SUITE [WHEN]
	local taint=$(cat /proc/sys/kernel/tainted)
	if [ $((taint & ~$(cat /run/harness/taint) & ~HARMLESS_TAINT)) != 0 ] && [ ! -e /run/harness/blamed ]; then
		: > /run/harness/blamed
		complain "the kernel complained ${2:-during} $1"
	fi
}

# Tests let single allocations of their own fail. Off by default are those that may sleep, and all but a stack
# trace of each is noise. Nobody else is hit: the probability is 0.
if [ -d /sys/kernel/debug/failslab ]; then
	echo N > /sys/kernel/debug/failslab/ignore-gfp-wait
	echo 0 > /sys/kernel/debug/failslab/verbose
fi

# What a thread prints may stay in the kernel of UML until somebody prints again: for a host that looks while it runs.
if [ -n "$PULSE" ]; then
	while sleep 1; do echo "harness: still here" > /dev/kmsg; done &
	trap "kill $!" EXIT
fi

for suite in $SUITES; do
	event start "$suite"
	start=$(ms)
	for module in $KUNIT_NEEDS; do load "$module" $NEEDS_PARAMETERS || break 2; done
	run_kunit "$suite" $KUNIT_PARAMETERS || break
	kunit_results "$suite" > /tmp/results
	[ ! -s /tmp/results ] || save "ktap/$suite" < /tmp/results
	blame "$suite"
	unload "$KUNIT_MODULE"
	unloads=
	for module in $KUNIT_NEEDS; do unloads="$module $unloads"; done
	for module in $unloads; do unload "$module"; done
	blame "$suite" "while the modules were unloaded after"
	event end "$suite" $(($(ms) - start))
done

for suite in $SHELL_SUITES; do
	event start "$suite"
	start=$(ms)
	sh "/harness/suites/$suite.sh" || complain "$suite.sh ended with status $?"
	blame "$suite"
	event end "$suite" $(($(ms) - start))
done
