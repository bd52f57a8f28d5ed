# SPDX-License-Identifier: GPL-2.0
# An interactive shell on the console.
cd /modules
echo
echo "cmwq2: $(uname -r), $(nproc) CPUs; modules here: $(ls -m | tr -d '\n')"
echo "       insmod cmwq2.ko, then /sys/kernel/cmwq2; leave with poweroff -f or exit"
export PS1='# '
setsid cttyhack sh
