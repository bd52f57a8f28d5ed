# SPDX-License-Identifier: GPL-2.0
# Makes one fault, named by FAULT, which the harness must notice.
. /harness/settings
. /harness/lib.sh

event start "fault $FAULT"
case $FAULT in
lost)
	power_off ;;
"busy end")
	# Processes that run until the guest powers off.
	while :; do :; done &
	while :; do :; done & ;;
absent)
	load absent ;;
leftover)
	load selftest ;;
status)
	exit 3 ;;
hollow)
	begin selftest_hollow
	end ;;
"shell suite")
	begin selftest_shell
	ok first
	not_ok second "on purpose"
	end ;;
stray)
	begin selftest_shell
	ok first
	end
	begin selftest_stray
	ok first
	end ;;
truncated)
	begin selftest_truncated
	ok first
	ok second
	end
	head -n 6 /results/ktap/selftest_truncated > /tmp/cut
	save ktap/selftest_truncated < /tmp/cut ;;
"misuse "*)
	load cmwq2 && load selftest_cmwq2 fault="${FAULT#misuse }" && unload selftest_cmwq2 &&
		unload cmwq2 ;;
*)
	load selftest fault="$FAULT" && unload selftest ;;
esac
exit 0
