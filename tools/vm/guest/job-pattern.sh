# SPDX-License-Identifier: GPL-2.0
# Moves cache lines in a known way. A sync before tells the host that the module is loaded.
. /harness/settings
. /harness/lib.sh

load cmwq2_line_pattern || exit 0
sync
event start pattern
echo $TURNS > /sys/module/cmwq2_line_pattern/parameters/turns || complain "the pattern could not be run"
unload cmwq2_line_pattern
