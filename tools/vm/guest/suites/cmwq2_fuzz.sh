# SPDX-License-Identifier: GPL-2.0
# Repeats the programs of kunit/fuzz/corpus, and runs some random ones: neither engine may break a rule.
. /harness/settings
. /harness/lib.sh

FUZZ=/sys/kernel/debug/cmwq2_fuzz
REPEAT=5
PROGRAMS=50

result_of() { # prints the verdict of the last request, or nothing
	sed -n 's/^verdict //p' $FUZZ/result
}

replay() { # replay NAME PROGRAM
	if echo "$2" > $FUZZ/program; then
		verify "$1" "$(result_of)" [ -z "$(result_of)" ]
	else
		not_ok "$1" "the program is refused"
	fi
}

begin cmwq2_fuzz
if load cmwq2 && load cmwq2_fuzz repeat=$REPEAT timeout_ms=20000; then
	while IFS=: read -r name program; do
		case $name in ""|"#"*) continue;; esac
		replay "$name" "$program"
	done < /harness/corpus
	echo "1 $PROGRAMS" > $FUZZ/programs
	verify random "$(cat $FUZZ/result)" [ -z "$(result_of)" ]
	unload cmwq2_fuzz
	unload cmwq2
else
	not_ok fuzz "insmod failed"
fi
end
