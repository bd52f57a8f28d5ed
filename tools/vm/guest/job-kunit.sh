# SPDX-License-Identifier: GPL-2.0
# Runs the suites named in SUITES (KUnit, in module KUNIT_MODULE) and SHELL_SUITES. They run one at a time, so that a
# complaint of the kernel belongs to one suite, and a panic loses only the suite in which it happened.
. /harness/settings
. /harness/lib.sh

begin_suite() { # begin_suite SUITE: the host attributes what is on the console to the last suite named there
	event start "$1"
	echo "harness: suite $1" > /dev/kmsg
}

# A complaint of the kernel while a suite runs is a failure of that suite. A complaint while the modules are unloaded is
# reported as such: all cases of the suite may have passed, but left something behind that is found only then.
blame() { # blame SUITE [WHEN]
	local taint=$(cat /proc/sys/kernel/tainted)
	if [ $((taint & ~$(cat /run/harness/taint) & ~HARMLESS_TAINT)) != 0 ] && [ ! -e /run/harness/blamed ]; then
		: > /run/harness/blamed
		complain "the kernel complained ${2:-during} $1"
	fi
}

# Tests let single allocations of their own fail. By default failslab leaves out allocations that may sleep, so they are
# switched on. Its reports are switched off, because a stack trace of each failure is only noise. Other allocations do
# not fail: the probability is 0.
if [ -d /sys/kernel/debug/failslab ]; then
	echo N > /sys/kernel/debug/failslab/ignore-gfp-wait
	echo 0 > /sys/kernel/debug/failslab/verbose
fi

# On UML, a line that a thread prints may stay in the kernel until the next line is printed. PULSE keeps printing, for a
# host that reads the console while the guest runs. It needs no process for that, because a suite lets the kernel create
# none for a while.
if [ -n "$PULSE" ]; then
	mkfifo /tmp/pulse
	while ! read -r -t 1 unused <> /tmp/pulse; do echo "harness: still here" > /dev/kmsg; done &
	trap "kill $!" EXIT
fi

# Policies of a kernel with edits. A fault that needs them must not keep the guest from booting.
for name in $WQ_PARAMETERS; do
	echo Y > "/sys/module/workqueue/parameters/$name" || complain "workqueue.$name=Y was refused"
done

for suite in $SUITES; do
	begin_suite "$suite"
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
	begin_suite "$suite"
	start=$(ms)
	suite="$suite" sh "/harness/suites/$suite.sh" || complain "$suite.sh ended with status $?"
	blame "$suite"
	event end "$suite" $(($(ms) - start))
done
