# SPDX-License-Identifier: GPL-2.0
# Runs an interactive shell on the console, or the commands that were given instead.
. /harness/settings
. /harness/lib.sh
PARAMETERS=/sys/module/cmwq2/parameters
QUEUES=/sys/devices/virtual/cmwq2
DEBUG=/sys/kernel/debug/cmwq2
cd /modules
set -- *.ko
echo
echo "cmwq2 on Linux $(uname -r), $(nproc) CPUs. Modules in $PWD:" | fold -s -w 80
echo "$@" | fold -s -w 76 | sed 's/^/    /'
echo "After insmod cmwq2.ko: the policies are in $PARAMETERS,"
echo "    queues in $QUEUES, what goes on in $DEBUG."
export PS1='# ' PARAMETERS QUEUES DEBUG
if [ -e /harness/commands ]; then
	sh /harness/commands < /dev/null
	event ended $?
else
	echo "    exit ends the guest."
	setsid cttyhack sh
fi
