# SPDX-License-Identifier: GPL-2.0
# Runs random programs on both engines. The host says which, gets the result of each request, and decides what comes next.
. /harness/settings
. /harness/lib.sh

FUZZ=/sys/kernel/debug/cmwq2_fuzz

tell() { # tell FILE: sends each line of a file in debugfs
	local line
	while read -r line; do
		event "result $line"
	done < "$FUZZ/$1"
}

try() { # try FILE TEXT: writes to a file, and tells the host if the kernel refuses it
	local said
	said=$(echo "$2" 2>&1 > "$FUZZ/$1") || event "result refused ${said##*: }"
}

load cmwq2 $FUZZ_CMWQ2 && load cmwq2_fuzz $FUZZ_PARAMETERS || exit 0
event start fuzz
while :; do
	request=$(choose next)
	set -- $request
	case $1 in
	seeds)
		try programs "$2 $3"
		tell result ;;
	show)
		try show "$2"
		tell result ;;
	program)
		echo "$2" > /sys/module/cmwq2_fuzz/parameters/repeat
		try program "${request#program $2 }"
		tell result ;;
	log)
		tell log ;;
	off)
		power_off ;;
	*)
		break ;;
	esac
done
unload cmwq2_fuzz
unload cmwq2
