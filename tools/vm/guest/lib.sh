# SPDX-License-Identifier: GPL-2.0
# Functions that /init and the jobs share. File descriptor 8 is the channel for results (a tar stream), 9 the one for
# events and the verdict.

# --- causes of failure: all are saved, and the first one is reported

complain() { # complain TEXT: the run fails for this reason
	echo "$*" >> /results/causes
	echo "harness: $*" > /dev/kmsg
}

complained() {
	[ -s /results/causes ]
}

# --- time

ms() { # prints the milliseconds since boot
	local up
	read -r up _ < /proc/uptime
	echo $((${up%.*} * 1000 + 10 * 1${up#*.} - 1000))
}

# --- the end

# UML lets its other CPUs run while it powers off, and kills all processes first. A process that still runs in user mode
# on another CPU may then abort the whole guest. So no other process may be left, not even a shell that has just started
# poweroff and has not begun to wait for it.
power_off() {
	local tries=2000
	kill -9 -1 2>/dev/null
	while [ $tries -gt 0 ] && others; do
		tries=$((tries - 1))
	done
	exec poweroff -f
}

others() { # whether a process is left beside this one and the first one; kernel threads have no command line
	local file line
	for file in /proc/[0-9]*/cmdline; do
		[ "$file" = "/proc/$$/cmdline" ] || [ "$file" = /proc/1/cmdline ] && continue
		line=
		{ read -r line < "$file"; } 2>/dev/null
		[ -z "$line" ] || return 0
	done
	return 1
}

# --- channels

open_channels() {
	exec 8> "$RESULTS_TTY" 9> "$VERDICT_TTY"
	# A virtio console forgets its settings when nobody has it open.
	stty -F "$RESULTS_TTY" raw -echo
	stty -F "$VERDICT_TTY" raw -echo
}

event() { # event WORD...: send an event to the host
	echo "EVENT $*" >&9
}

ask() { # ask WORD...: send an event to the host, and wait until the host answers
	local answer
	event "$@"
	read -r -t 600 answer && [ "$answer" = "$*" ] || complain "the host did not answer: $*"
}

choose() { # choose WORD...: send an event to the host, and print the word that the host answers with
	local answer
	event "$@"
	read -r -t 600 answer || complain "the host did not answer: $*"
	echo "$answer"
}

# Results are sent as soon as they exist, so that a later panic does not lose them.
send() { # send FILE...: files of /results
	(cd /results && tar -cf - "$@") >&8
}

send_results() {
	(cd /results && tar -cf - .) >&8
}

report() {
	if complained; then
		echo "FAILED $(head -n 1 /results/causes)" >&9
	else
		echo "PASSED" >&9
	fi
}

# --- modules

load() { # load NAME [PARAM=VALUE...]: insmod, or complain with the kernel's reason
	local name=$1 said
	shift
	[ -e /run/harness/loaded ] || { echo "harness: first module" > /dev/kmsg; : > /run/harness/loaded; }
	if said=$(insmod "/modules/$name.ko" "$@" 2>&1); then
		note_sections "$name"
		return 0
	fi
	complain "insmod $name${*:+ $*} failed: ${said##*: }"
	return 1
}

# After a module is unloaded, kmemleak prints bare addresses. The host turns them back into names with the addresses of
# the sections. One process reads all of them, because each process is slow on the debug variant and this happens with
# every load. The shell's read cannot read these files, because it reads single bytes and they return all or nothing.
note_sections() { # note_sections MODULE
	[ ! -e /sys/kernel/debug/kmemleak ] || grep -H . /sys/module/$1/sections/.*text* >> /results/sections
}

# An engine of `make mutants` notes which of its code runs, and returns that in parts; see mutants/covered.c.
note_covered() { # note_covered MODULE
	local file="/sys/module/$1/parameters/covered" part
	[ -e "$file" ] || return 0
	mkdir -p /results/covered
	while part=$(cat "$file") && [ -n "$part" ]; do echo "$part"; done >> "/results/covered/$suite"
}

unload() { # unload NAME: rmmod, or complain
	local said
	note_covered "$1"
	said=$(rmmod "$1" 2>&1) && return 0
	complain "rmmod $1 failed: ${said##*: }"
	return 1
}

loaded() { # loaded NAME
	[ -d "/sys/module/$1" ]
}

await() { # await SECONDS COMMAND...: waits until COMMAND succeeds, and fails if that takes longer
	local end=$(($(cut -d. -f1 /proc/uptime) + $1))
	shift
	until "$@"; do
		[ "$(cut -d. -f1 /proc/uptime)" -lt $end ] || return 1
		usleep 10000
	done
}

leftovers() { # prints what the engine has left behind, or nothing
	local file
	grep -lE '^(cw2/|cmwq2)' /proc/[0-9]*/comm 2>/dev/null | while read -r file; do
		echo "thread $(cat "$file" 2>/dev/null)"
	done
	for file in /sys/module/cmwq2 /sys/kernel/cmwq2* /sys/kernel/debug/cmwq2* /sys/kernel/slab/cmwq2*; do
		[ -e "$file" ] && echo "$file"
	done
	grep -o '^cmwq2[^ ]*' /proc/slabinfo | sed 's/^/slab cache /'
	grep -o '^cmwq2 .*' /proc/modules
}

# --- results

save() { # save NAME: write standard input to /results/NAME, and send it to the host at once
	mkdir -p "$(dirname "/results/$1")"
	cat > "/results/$1"
	send "$1"
}

# --- documentation

documented() { # documented NAME: prints the commands after ".. run: NAME" in monitoring.rst, for eval
	awk -v name="$1" '
		$0 == ".. run: " name { on = 1; next }
		!on || /^(::)?$/ { next }
		!/^    / { if (block) exit; next }
		{
			block = 1
			sub(/^    /, "")
			# A line without a prompt is output, unless a quote is open.
			if (!quoted && !sub(/^# /, ""))
				next
			print
			quoted = (quoted + gsub(/\047/, "&")) % 2
		}' /harness/monitoring.rst
}

# --- KUnit. Up to 6.5 it cannot select a suite of a module, and keeps too little of a suite's output. On these kernels
# the module selects the suite, and its output is read from the kernel's log. The harness boots them with
# kunit.enable=0.

FILTER_GLOB=/sys/module/kunit/parameters/filter_glob

run_kunit() { # run_kunit SUITE[.GLOB] [PARAM=VALUE...]: load KUNIT_MODULE, which runs the suite, or the cases like GLOB
	local suite=$1
	shift
	if [ -e $FILTER_GLOB ]; then
		printf %s "$suite" > $FILTER_GLOB	# a newline would become part of the glob
	else
		dmesg -c > /dev/null
		set -- suite="$suite" "$@"
	fi
	load "$KUNIT_MODULE" "$@"
}

kunit_results() { # kunit_results SUITE: prints the KTAP of the last run, or nothing if it has not run
	if [ -e $FILTER_GLOB ]; then
		cat "/sys/kernel/debug/kunit/${1%%.*}/results" 2>/dev/null
	else
		dmesg | ktap_of "$1"
	fi
}

# Extracts KTAP from the kernel's log and corrects it where old KUnit deviates from KTAP: it numbers suites across
# several loads, and has no SKIP for a parameter of a case; see compat.h.
ktap_of() { # ktap_of SUITE
	awk -v suite="$1" '
		{ sub(/^\[ *[0-9.]+\](\[ *[TC][0-9]+\])? /, "") }
		$0 == "    # Subtest: " suite { seen = 1; print "KTAP version 1\n1..1\n    KTAP version 1" }
		!seen { next }
		/^ *# [^ ]+: SKIP / { why = $0; sub(/.*: SKIP /, " # SKIP ", why) }
		/^        ok [0-9]+ / && why != "" { $0 = $0 why }
		/^ +(not )?ok [0-9]+ / { why = "" }
		/^(not )?ok [0-9]+ / && $NF == suite { sub(/ok [0-9]+/, "ok 1") }
		{ print }'
}

# --- shell suites: they write KTAP themselves, which the host judges like that of KUnit. The host gets an event for
# each case, which shows it that the suite makes progress.

begin() { # begin SUITE
	SUITE=$1 CASES=0 BAD=0
	: > /tmp/cases
}

ok() { # ok NAME
	CASES=$((CASES + 1))
	echo "    ok $CASES $1" >> /tmp/cases
	event case "$CASES"
}

not_ok() { # not_ok NAME WHY
	CASES=$((CASES + 1)) BAD=$((BAD + 1))
	echo "    # $1: $2" >> /tmp/cases
	echo "    not ok $CASES $1" >> /tmp/cases
	event case "$CASES"
}

skip() { # skip NAME WHY
	CASES=$((CASES + 1))
	echo "    ok $CASES $1 # SKIP $2" >> /tmp/cases
	event case "$CASES"
}

verify() { # verify NAME WHY COMMAND...: ok if COMMAND succeeds, else not ok with WHY
	local name=$1 why=$2
	shift 2
	if "$@"; then ok "$name"; else not_ok "$name" "$why"; fi
}

end() {
	{
		echo "KTAP version 1"
		echo "1..1"
		echo "    KTAP version 1"
		echo "    # Subtest: $SUITE"
		echo "    1..$CASES"
		cat /tmp/cases
		[ "$BAD" = 0 ] && echo "ok 1 $SUITE" || echo "not ok 1 $SUITE"
	} | save "ktap/$SUITE"
}

# --- complaints of the kernel

note_taint() {
	cat /proc/sys/kernel/tainted > /run/harness/taint
}

# The taint bits that every test run sets: out of tree (12), unsigned (13), test (18).
HARMLESS_TAINT=$((1 << 12 | 1 << 13 | 1 << 18))

check_taint() {
	local new=$(($(cat /proc/sys/kernel/tainted) & ~$(cat /run/harness/taint) & ~HARMLESS_TAINT)) bit=0
	[ "$new" = 0 ] && return
	local letters=PFSRMBUDAWCIOELKXTNJ said=
	while [ $((new >> bit)) -gt 0 ]; do
		[ $((new >> bit & 1)) = 1 ] && said="$said${letters:$bit:1}"
		bit=$((bit + 1))
	done
	complain "the kernel was tainted: $said"
}

check_lockdep() {
	[ -r /proc/lockdep_stats ] || return 0
	grep -q 'debug_locks: *1' /proc/lockdep_stats || complain "lockdep switched itself off: it has complained"
}

# kmemleak ignores objects younger than its minimum age of 5 s. It reports objects that several scans in a row found
# unreferenced. The first scan only learns the contents of the objects.
check_kmemleak() {
	local file=/sys/kernel/debug/kmemleak left
	[ -e $file ] || return 0
	sleep 5
	left=$(cat /sys/module/kmemleak/parameters/min_unref_scans 2>/dev/null || echo 1)
	while [ "$left" -ge 0 ]; do
		echo scan > $file || { complain "kmemleak has switched itself off"; return; }
		left=$((left - 1))
	done
	cat $file > /results/kmemleak
	[ -s /results/kmemleak ] || return 0
	complain "kmemleak: $(grep -c '^unreferenced' /results/kmemleak) objects leaked"
}

# The boot itself shows only races of the kernel, so the detector is switched on after it.
KCSAN=/sys/kernel/debug/kcsan

start_kcsan() {
	[ ! -e $KCSAN ] || echo on > $KCSAN
}

check_kcsan() {
	[ -e $KCSAN ] || return 0
	cat $KCSAN > /results/kcsan
	grep -q '^enabled: 1$' /results/kcsan || complain "KCSAN was switched off"
	grep -q '^setup_watchpoints: [1-9]' /results/kcsan || complain "KCSAN has watched no access"
}

check_modules() {
	local left=$(cut -d ' ' -f 1 /proc/modules | tr '\n' ' ')
	[ -z "$left" ] || complain "modules left loaded: $left"
}

check_kernel() {
	check_modules
	check_kmemleak
	check_taint
	check_lockdep
	check_kcsan
}
