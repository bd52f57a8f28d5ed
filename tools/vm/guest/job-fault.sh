# SPDX-License-Identifier: GPL-2.0
# One fault a run, for the harness to notice; FAULT names it.
. /harness/settings
. /harness/lib.sh

event start "fault $FAULT"
case $FAULT in
lost)
	poweroff -f ;;
absent)
	load absent ;;
leftover)
	load selftest ;;
status)
	exit 3 ;;
*)
	load selftest fault="$FAULT" && unload selftest ;;
esac
exit 0
