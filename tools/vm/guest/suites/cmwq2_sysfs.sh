# SPDX-License-Identifier: GPL-2.0
# Compares the files of cmwq2's queues with the kernel's own: they must have the same names, modes and formats, and give
# the same answers to writes. Then it writes invalid values to every writable file of cmwq2, thousands of times. Each
# must be refused with the right error and change nothing. All this happens while items are in flight on these queues.
# No item may be lost, and no item of an ordered queue may run out of order.
. /harness/settings
. /harness/lib.sh

OURS=/sys/devices/virtual/cmwq2
NATIVE=/sys/devices/virtual/workqueue
KINDS="percpu unbound ordered"
# Ten thousand writes where a write is cheap, that is on UML without the kernel's checkers.
WRITES=1000
grep -q 'User Mode Linux' /proc/cpuinfo && WRITES=10000
[ "${ROUNDS:-5}" -ge 5 ] || WRITES=300

value_of() { # value_of FILE: reads its first line into $value without a fork
	value=
	IFS= read -r value < "$1" 2>/dev/null
}

# Writes VALUE to FILE without a fork, and sets $said to the kernel's answer.
put() { # put FILE VALUE
	said=
	if { echo "$2" > "$1"; } 2> /tmp/said; then
		said=accepted
	else
		IFS= read -r said < /tmp/said
		said=${said##*: }
	fi
}

# --- comparison with the kernel's own files, if they are those of 7.3. Older kernels have other files, limits and
# scopes. Tests of our files alone run everywhere.

like_native() {
	[ -e /sys/module/workqueue/parameters/cache_shard_size ]
}

unlike() { # unlike CASE
	skip "$1" "this kernel's own queues have other files, limits and scopes than those of 7.3"
}

listing() { # listing DIRECTORY: prints the files and their modes
	(cd "$1" && for file in *; do [ -f "$file" ] && stat -c '%n %a' "$file"; done)
}

same_files() { # same_files KIND
	local ours native
	like_native || { unlike "files_$1"; return; }
	ours=$(listing $OURS/load_$1 | tr '\n' ';') native=$(listing $NATIVE/load_$1 | tr '\n' ';')
	verify "files_$1" "ours $ours the kernel's $native" [ "$ours" = "$native" ]
}

same_values() { # same_values NAME KIND
	local file ours differ=
	like_native || { unlike "$1_$2"; return; }
	for file in $NATIVE/load_$2/*; do
		[ -f "$file" ] || continue
		value_of "$file"
		ours=$value
		value_of "$OURS/load_$2/${file##*/}"
		[ "$value" = "$ours" ] || differ="$differ ${file##*/}: ours $value, the kernel's $ours;"
	done
	verify "$1_$2" "$differ" [ -z "$differ" ]
}

good() { # good KIND FILE VALUE...: both engines accept each value and show the same afterwards
	local kind=$1 file=$2 each ours why=
	shift 2
	for each; do
		put $OURS/load_$kind/$file "$each"
		[ "$said" = accepted ] || why="$why ours says to $each: $said;"
		like_native || continue
		put $NATIVE/load_$kind/$file "$each"
		[ "$said" = accepted ] || why="$why the kernel's says to $each: $said;"
		value_of $OURS/load_$kind/$file
		ours=$value
		value_of $NATIVE/load_$kind/$file
		[ "$ours" = "$value" ] || why="$why after $each ours shows $ours, the kernel's $value;"
	done
	verify "good_${kind}_$file" "$why" [ -z "$why" ]
}

# No number here overflows, because the kernel's files accept such a number truncated to an int.
bad() { # bad KIND FILE VALUE...: both engines refuse each value with the same error
	local kind=$1 file=$2 each ours why=
	shift 2
	for each; do
		put $OURS/load_$kind/$file "$each"
		ours=$said
		like_native && put $NATIVE/load_$kind/$file "$each"
		[ "$ours" = "$said" ] && [ "$said" != accepted ] ||
			why="$why to $each ours says $ours, the kernel's $said;"
	done
	verify "bad_${kind}_$file" "$why" [ -z "$why" ]
}

global_mask() { # global_mask: a mask that is written to one file is shown in all three files, for both engines
	local each base file ours all why=
	like_native || { unlike global_cpumask; return; }
	value_of $NATIVE/cpumask
	all=$value
	for each in 1 2 3 1 "$all"; do
		for base in $OURS $NATIVE; do
			put $base/cpumask $each
			[ "$said" = accepted ] || why="$why $base says to $each: $said;"
		done
		for file in cpumask cpumask_requested cpumask_isolated; do
			value_of $OURS/$file
			ours=$value
			value_of $NATIVE/$file
			[ "$ours" = "$value" ] || why="$why after $each $file is $ours, the kernel's $value;"
		done
	done
	verify global_cpumask "$why" [ -z "$why" ]
}

# Two writers write to two files of one queue. Neither may undo what the other one wrote.
CHANGES=500
[ "${ROUNDS:-5}" -ge 5 ] || CHANGES=100

change() { # change FILE FIRST SECOND: writes both values alternately, and reads each back
	local n=0 each
	while [ $n -lt $CHANGES ]; do
		for each in $2 $3; do
			put "$1" $each
			[ "$said" = accepted ] || echo "$1: says to $each: $said" >> /tmp/undone
			value_of "$1"
			[ "$value" = "$each" ] || echo "$1: took $each and shows $value" >> /tmp/undone
		done
		n=$((n + 1))
	done
}

two_writers() {
	: > /tmp/undone
	change $OURS/load_unbound/nice 3 4 &
	change $OURS/load_unbound/affinity_strict 1 0
	wait $!
	verify two_writers "$(wc -l < /tmp/undone) times: $(head -n 3 /tmp/undone | tr '\n' ';')" [ ! -s /tmp/undone ]
	put $OURS/load_unbound/nice 0
}

read_only() {
	local file why=
	for file in cpumask_requested cpumask_isolated load_unbound/per_cpu load_ordered/max_active load_percpu/per_cpu; do
		put $OURS/$file 1
		[ "$said" = "Permission denied" ] || why="$why $file: $said;"
	done
	verify read_only "$why" [ -z "$why" ]
}

# --- invalid values

# Lists have one value per line, because a value may be empty or have blanks.
words() {
	echo
	printf '%s\n' x galaxy none2 -nothing ' ' '*' . 'a b' ',' -- "$LONG" "$LONGER"
	cat /tmp/random
}

# Numbers that no file accepts.
numbers() {
	printf '%s\n' 1x 0x 1.5 '1 2' 99999999999999999999 -99999999999999999999 +-1 1e3 -2147483649 18446744073709551616
}

wrong_for() { # wrong_for FILE: prints invalid values, one on each line
	case $1 in
	*/run | */reset | */abort) words | grep -v '^[yYtT1oO]'; return ;;
	*/cpumask) printf '%s\n' 0 00 g 8000000000000000 "$F" -1 1,x ;;
	*/max_active) printf '%s\n' 0 -1 2049 2147483648 ;;
	*/nice) printf '%s\n' -21 20 4294967295 ;;
	*/affinity_scope) printf '%s\n' 0 1 CPU cache_ default2 'default (cpu)' ;;
	*/affinity_strict) printf '%s\n' 2 -1 yes ;;
	*/min_idle | */cull_ratio) printf '%s\n' 0 -1 1001 ;;
	*/cache_shard_size) printf '%s\n' 0 -1 8193 ;;
	*/default_affinity_scope) printf '%s\n' default 0 SMT ;;
	*/idle_timeout_ms) printf '%s\n' -1 86400001 ;;
	*/claim | */wake | */rescue | */profile) printf '%s\n' default 0 custom ;;
	*/pool_policy) printf '%s\n' claim=none '0 claim' '0 claim=1' '0 min_idle=2' '99999 claim=none' ;;
	*/fault_create) printf '%s\n' on fail: fail:x fail:2 stall:all:0 off:all:1 fail:0:1:1 ;;
	*/wake_cost_us) printf '%s\n' -1 1001 ;;
	*/cpu_intensive_thresh_us) printf '%s\n' -1 1000000001 4294967295 ;;
	*/cpu_intensive_warning_thresh | */panic_on_stall) printf '%s\n' -1 1000001 ;;
	*/watchdog_thresh | */panic_on_stall_time) printf '%s\n' -1 86401 ;;
	*/debug_force_rr_cpu) printf '%s\n' 2 yes NO ;;
	esac
	words
	numbers
}

# A mask may instead be refused because it has a bit above the last possible CPU, or more bits than a long.
right_error() { # right_error FILE ERROR
	case $2 in
	"Invalid argument") return 0 ;;
	"Value too large for defined data type" | "Value too large"*) [ "${1##*/}" = cpumask ] ;;
	# The error of the kernel's own parameters for a number that is too large.
	"Numerical result out of range" | "Result not representable" | "Math result not representable")
		case $1 in */parameters/*) return 0 ;; *) return 1 ;; esac ;;
	*) return 1 ;;
	esac
}

writable() { # prints the files of cmwq2 that can be written
	local file
	for file in $OURS/cpumask $OURS/load_*/* /sys/module/cmwq2/parameters/* /sys/module/cmwq2_bench/parameters/* \
		/sys/kernel/cmwq2_bench/*; do
		[ -f "$file" ] && [ -n "$(find "$file" -perm -200)" ] && [ "${file##*/}" != uevent ] && echo "$file"
	done
}

# Writes all bad values to one file once. Adds their number to $written, and prints nothing.
refuse_all() { # refuse_all FILE TABLE
	local before each
	value_of "$1"
	before=$value
	while IFS= read -r each; do
		put "$1" "$each"
		written=$((written + 1))
		if ! right_error "$1" "$said"; then
			echo "$1: $said to $each" >> /tmp/wrong
		fi
		value_of "$1"
		[ "$value" = "$before" ] || { echo "$1: was $before, is $value after $each" >> /tmp/wrong; before=$value; }
	done < "$2"
}

bad_input() {
	local file n files written=0
	F=ffffffffffffffffffffffffffffffff
	LONG=$(head -c 300 /dev/zero | tr '\0' z)
	LONGER=$(head -c 5000 /dev/zero | tr '\0' a)
	n=0
	while [ $n -lt 40 ]; do
		# The value has no NUL, which would end it, and begins with a character that no valid value begins with.
		echo "~$(head -c 24 /dev/urandom | tr -d '\000\n')"
		n=$((n + 1))
	done > /tmp/random
	files=$(writable)
	n=0
	for file in $files; do
		n=$((n + 1))
		wrong_for "$file" > /tmp/table.$n
	done
	: > /tmp/wrong
	while [ $written -lt $WRITES ]; do
		n=0
		for file in $files; do
			n=$((n + 1))
			refuse_all "$file" /tmp/table.$n
			event written $written
			[ $written -ge $WRITES ] && break
		done
	done
	verify bad_input_files "only these: $files" [ "$(echo "$files" | wc -l)" -gt 10 ]
	verify "bad_input_$WRITES" "$(wc -l < /tmp/wrong) of $written: $(head -n 3 /tmp/wrong | tr -d '\001-\011\013-\037' |
		tr '\n' ';' | cut -c 1-600)" [ ! -s /tmp/wrong ]
}

# --- without memory

FAIL=/sys/kernel/debug/failslab

fail_on() {
	echo 1 > /proc/self/make-it-fail
}

fail_off() { # switches failures off; opening the file may fail, too, so this tries until it succeeds
	until { echo 0 > /proc/self/make-it-fail; } 2> /dev/null; do :; done
}

# Checks that a write that may fail was either accepted, or changed nothing. Counts in $taken and $refused.
write_or_not() { # write_or_not FILE VALUE SHOWN
	local before
	value_of "$1"
	before=$value
	fail_on
	put "$1" "$2"
	fail_off
	value_of "$1"
	case $said in
	accepted)
		taken=$((taken + 1))
		[ "$value" = "$3" ] || echo "$1: took $2 and shows $value" >> /tmp/wrong ;;
	# The shell may lack the memory to print the reason.
	*memory* | '')
		refused=$((refused + 1))
		[ "$value" = "$before" ] || echo "$1: refused $2, was $before, shows $value" >> /tmp/wrong ;;
	*)
		echo "$1: says to $2: $said" >> /tmp/wrong ;;
	esac
}

# The files that are written, with two values each, which are written in turn.
MEMORY_FILES="$OURS/load_unbound/nice,-5,5 $OURS/load_unbound/cpumask,1,3 $OURS/load_ordered/cpumask,2,3
	$OURS/load_unbound/affinity_scope,cpu,system $OURS/cpumask,1,3
	/sys/module/cmwq2/parameters/default_affinity_scope,cpu,cache_shard
	/sys/module/cmwq2/parameters/cache_shard_size,1,8"

allocations_fail() {
	local round=0 each file first second shown taken=0 refused=0
	if [ ! -w $FAIL/probability ]; then
		skip allocations_fail "this kernel cannot make allocations fail"
		return
	fi
	echo Y > $FAIL/task-filter
	echo N > $FAIL/ignore-gfp-wait
	echo 0 > $FAIL/verbose
	echo -1 > $FAIL/times
	: > /tmp/wrong
	for each in $MEMORY_FILES; do
		IFS=, read -r file first second <<- EOF
			$each
		EOF
		put $file $first
		value_of $file
		shown=$value
		put $file $second
		value_of $file
		echo "$file $first $shown $second $value"
	done > /tmp/memory
	echo 1 > $FAIL/probability
	while [ $round -lt 15 ]; do
		while read -r file first shown second each; do
			write_or_not $file $first $shown
			write_or_not $file $second $each
		done < /tmp/memory
		round=$((round + 1))
	done
	echo 0 > $FAIL/probability
	while read -r file first shown second each; do put $file $second; done < /tmp/memory
	put $OURS/load_unbound/nice 0
	put $OURS/load_unbound/affinity_scope default
	verify allocations_fail "$(tr '\n' ';' < /tmp/wrong | cut -c 1-600)" [ ! -s /tmp/wrong ]
	verify allocations_failed "$taken writes were taken, $refused refused" [ $taken -gt 10 -a $refused -gt 10 ]
}

load_is_well() {
	echo N > /sys/module/cmwq2_sysfs_load/parameters/run
	local lost ran disordered
	lost=$(cat /sys/module/cmwq2_sysfs_load/parameters/items_lost)
	ran=$(cat /sys/module/cmwq2_sysfs_load/parameters/items_ran)
	disordered=$(cat /sys/module/cmwq2_sysfs_load/parameters/items_disordered)
	verify load_ran "only $ran items ran" [ "$ran" -gt 100 ]
	verify load_none_lost "$lost of $ran" [ "$lost" = 0 ]
	verify load_in_order "$disordered of $ran out of turn" [ "$disordered" = 0 ]
}

begin cmwq2_sysfs
if load cmwq2 && load cmwq2_bench && load cmwq2_sysfs_load; then
	verify bus "no /sys/bus/cmwq2/devices/load_unbound" [ -d /sys/bus/cmwq2/devices/load_unbound ]
	for kind in $KINDS; do
		same_files $kind
		same_values default $kind
	done
	good percpu max_active 1 7 2048
	good unbound max_active 1 7 2048 1024
	for kind in unbound ordered; do
		good $kind nice -20 19 -5 0
		good $kind cpumask 1 2 3
		good $kind affinity_scope cpu smt cache cache_shard numa system default
		good $kind affinity_strict 1 0
		bad $kind nice -21 20 x
		bad $kind cpumask x 8000000000000000000000000000
		bad $kind affinity_scope galaxy 0 CPU
		bad $kind affinity_strict x
	done
	bad percpu max_active 0 -1 x
	bad unbound max_active 0 -1 x
	global_mask
	read_only
	two_writers
	bad_input
	for kind in $KINDS; do same_values after $kind; done
	allocations_fail
	load_is_well
	unload cmwq2_sysfs_load
	verify gone "left in sysfs: $(echo $OURS/load_*)" [ ! -e $OURS/load_unbound ]
	unload cmwq2_bench
	unload cmwq2
else
	not_ok modules "insmod failed"
fi
end
