# SPDX-License-Identifier: GPL-2.0
# Tests the sample drivers of tools/shim/sample, which were built outside of the tree as Documentation/api.rst
# describes: on cmwq2, and moved back to the kernel's workqueue.
. /harness/settings
. /harness/lib.sh

parameter() { # parameter DRIVER NAME
	cat "/sys/module/$1/parameters/$2"
}

# Prints how many items a driver has run.
progress() { # progress DRIVER
	case $1 in
	counter) parameter counter count ;;
	mailbox) parameter mailbox delivered ;;
	esac
}

has_run() { # has_run DRIVER: its items have run repeatedly
	[ "$(progress "$1")" -ge 3 ]
}

runs() { # runs DRIVER: waits at most a minute until its items have run repeatedly
	await 60 has_run "$1"
}

insmod_fails() { # insmod_fails NAME
	! insmod "/modules/$1.ko" 2>/dev/null
}

rmmod_fails() { # rmmod_fails NAME
	! rmmod "$1" 2>/dev/null
}

ran_by() { # ran_by DRIVER PREFIX: whether the name of the driver's thread begins with PREFIX
	case $(parameter "$1" by) in
	"$2"*) return 0 ;;
	*) return 1 ;;
	esac
}

# Tests the driver in module FILE. The threads of its engine have names that begin with PREFIX.
one() { # one CASE DRIVER FILE PREFIX
	load "$3" || { not_ok "$1" "insmod failed"; return; }
	if ! runs "$2"; then
		not_ok "$1" "its items do not run: $(progress "$2") in a minute"
	elif ! ran_by "$2" "$4"; then
		not_ok "$1" "its items are run by $(parameter "$2" by), not by $4"
	elif [ "$4" = cw2/ ] && ! rmmod_fails cmwq2; then
		not_ok "$1" "rmmod took cmwq2 away from under it"
	else
		ok "$1"
	fi
	unload "$2"
}

begin cmwq2_sample
for driver in counter mailbox; do
	verify "needs_cmwq2_$driver" "insmod without cmwq2 is not refused" insmod_fails $driver
done
if load cmwq2; then
	for driver in counter mailbox; do
		one "moved_$driver" $driver $driver cw2/
	done
	unload cmwq2
else
	not_ok moved "insmod failed"
fi
for driver in counter mailbox; do
	one "back_$driver" $driver ${driver}_back kworker/
done
end
