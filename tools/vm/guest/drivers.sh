# SPDX-License-Identifier: GPL-2.0
# Functions that the suites with drivers on cmwq2 share. Their kernels have the same drivers on the kernel's own
# workqueue.

DUMP=/sys/kernel/debug/cmwq2/dump
# How often a busy queue is looked at until an item is seen.
LOOKS=50

try() { # try NAME: runs the function NAME as a test case, whose reason for failing is the last line that it printed
	if $1 > /tmp/said 2>&1; then ok "$1"; else not_ok "$1" "$(tail -n 1 /tmp/said)"; fi
}

wrong() { # wrong WHAT: prints why a case fails, and fails
	echo "$*"
	return 1
}

same() { # same WHAT A B: both checksums are equal, and not that of nothing
	[ "$2" = "$3" ] || wrong "$1: $2 and $3" || return
	[ -n "$2" ] && [ "$2" != "$(sum /dev/null)" ] || wrong "$1: nothing was read"
}

mapped() { # mapped NAME TABLE: creates a device of device mapper, whose node udev does not make here
	dmsetup --noudevsync --noudevrules create "$1" --table "$2" && dmsetup mknodes "$1" || return
	[ -b "/dev/mapper/$1" ] || wrong "/dev/mapper/$1 is no block device"
}

unmapped() { # unmapped NAME
	dmsetup --noudevsync --noudevrules remove "$1" && rm -f "/dev/mapper/$1"
}

sum() { # sum FILE: prints its checksum
	sha256sum < "$1" | cut -c 1-64
}

until_true() { # until_true COMMAND...: waits at most a minute until it succeeds
	await 60 "$@" || wrong "not in a minute: $*"
}

dumped() { # dumped FUNCTION: the engine's dump names an item with this function
	grep -q "$1" $DUMP
}

# The host looks with wq_dump.py if it can, which is under QEMU. The dump of the engine itself works everywhere.
named() { # named FUNCTION MODULE: the engine and wq_dump.py say that items of the driver are pending or run
	local left=$LOOKS
	until_true dumped "$1 \[$2\]" || return
	while [ -n "$HOST_LOOKS" ] && [ $left -gt 0 ]; do
		case $(choose look "$1" "$2") in
		seen) return 0 ;;
		failed) wrong "wq_dump.py failed"; return ;;
		esac
		left=$((left - 1))
	done
	[ $left -gt 0 ] || wrong "wq_dump.py does not name $1 [$2] in $LOOKS looks"
}

kept() { # kept MODULE...: rmmod refuses these modules, because they are in use
	local module
	for module; do
		! rmmod "$module" 2> /dev/null || wrong "rmmod took $module away" || return
	done
}

gone() { # gone MODULE...: unloads the modules, of which cmwq2 is the last, which must have nothing to show before
	local module
	for module; do
		[ "$module" != cmwq2 ] || until_true idle || return
		rmmod "$module" || return
	done
}

idle() {
	[ -z "$(cat $DUMP)" ]
}
