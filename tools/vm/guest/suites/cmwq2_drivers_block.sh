# SPDX-License-Identifier: GPL-2.0
# Runs dm-crypt and loop on cmwq2 beside the kernel's own. The moved drivers, cw2crypt and cw2loop, have a stack of their
# own: a RAM disk, dm-crypt, ext4, a file on it, loop, ext4. What one engine writes, the other has to read.
. /harness/settings
. /harness/lib.sh
. /harness/drivers.sh

MIB=3					# of data
DATA=/tmp/data
KEY=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
OTHER=fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210
SMALL=49152 LARGE=61440			# sectors of the encrypted disk, before and after it grows
LOWER=/tmp/lower UPPER=/tmp/upper	# where the two file systems are mounted

table() { # table TARGET KEY DISK SECTORS: a line of device mapper. Workers of dm-crypt write to the disk themselves.
	echo "0 $4 $1 aes-xts-plain64 $2 0 $3 0 1 submit_from_crypt_cpus"
}

encrypted() { # encrypted NAME TARGET KEY DISK SECTORS
	local name=$1
	shift
	mapped "$name" "$(table "$@")"
}

put() { # put DEVICE [SKIP]: writes the data, past the page cache
	dd if=$DATA of="$1" bs=256k seek="${2:-0}" oflag=direct conv=notrunc,fsync status=none
}

got() { # got DEVICE: prints the checksum of as much as the data, read past the page cache
	dd if="$1" bs=256k count=$((MIB * 4)) iflag=direct status=none | sha256sum | cut -c 1-64
}

# Both engines make the same ciphertext, which is not the text.
same_ciphertext() {
	local blank=$(got /dev/ram0)
	encrypted moved cw2crypt $KEY /dev/ram0 $SMALL && encrypted own crypt $KEY /dev/ram1 $SMALL || return
	put /dev/mapper/moved & put /dev/mapper/own
	wait $! || wrong "the write to cw2crypt failed" || return
	same "ciphertext" "$(got /dev/ram0)" "$(got /dev/ram1)" || return
	[ "$(got /dev/ram0)" != "$(sum $DATA)" ] || wrong "the disk has the text" || return
	[ "$(got /dev/ram0)" != "$blank" ] || wrong "the disk was not written"
}

read_by_the_other() {
	encrypted moved.1 cw2crypt $KEY /dev/ram1 $SMALL && encrypted own.0 crypt $KEY /dev/ram0 $SMALL || return
	same "own on cw2crypt's disk" "$(sum $DATA)" "$(got /dev/mapper/own.0)" &&
		same "cw2crypt on own disk" "$(sum $DATA)" "$(got /dev/mapper/moved.1)" || return
	unmapped own.0 && unmapped moved.1 && unmapped own
}

# The comparisons above notice a single sector that is wrong.
corruption_is_noticed() {
	dd if=/dev/zero of=/dev/ram0 bs=512 count=1 seek=1000 oflag=direct conv=notrunc,fsync status=none || return
	[ "$(got /dev/mapper/moved)" != "$(sum $DATA)" ] || wrong "a wrong sector was not noticed" || return
	put /dev/mapper/moved && same "repaired" "$(sum $DATA)" "$(got /dev/mapper/moved)"
}

# With another key the disk reads as something else, until it is written again.
rekeyed() {
	local key
	for key in $OTHER $KEY; do
		dmsetup suspend moved && dmsetup message moved 0 key wipe &&
			dmsetup message moved 0 "key set $key" && dmsetup resume moved || return
		[ "$(got /dev/mapper/moved)" != "$(sum $DATA)" ] || wrong "the key has no effect" || return
		put /dev/mapper/moved && same "after the new key" "$(sum $DATA)" "$(got /dev/mapper/moved)" || return
	done
}

forget_pages() {
	sync
	echo 3 > /proc/sys/vm/drop_caches
}

copied() { # copied FILE: copies the data there, and reads it back from the disk
	cp $DATA "$1" && forget_pages && same "$1" "$(sum $DATA)" "$(sum "$1")"
}

# Nothing is left for a thread of ext4 to write later. It would do so while the lower file system is frozen, and loop
# does not wait for the end of a freeze when it clears blocks, so ext4 would complain.
formatted() { # formatted DEVICE
	/bin/mke2fs -q -F -t ext4 -E nodiscard,lazy_itable_init=0,lazy_journal_init=0 "$1"
}

file_systems() {
	mkdir -p $LOWER $UPPER
	formatted /dev/mapper/moved && mount -t ext4 /dev/mapper/moved $LOWER && copied $LOWER/file || return
	truncate -s 10M $LOWER/image && losetup /dev/cw2loop0 $LOWER/image &&
		formatted /dev/cw2loop0 && mount -t ext4 /dev/cw2loop0 $UPPER && copied $UPPER/file
}

# The file system that was written through cw2loop, seen through the kernel's own loop.
checked() { # checked: the file system is unmounted for that, and mounted again afterwards
	local file
	umount $UPPER && losetup -d /dev/cw2loop0 && losetup /dev/loop0 $LOWER/image &&
		e2fsck -fn /dev/loop0 && mount -t ext4 -o ro /dev/loop0 $UPPER || return
	for file in $UPPER/file*; do
		same "$file, seen by loop" "$(sum $DATA)" "$(sum "$file")" || return
	done
	umount $UPPER && losetup -d /dev/loop0 && losetup /dev/cw2loop0 $LOWER/image &&
		mount -t ext4 /dev/cw2loop0 $UPPER
}

# e2fsck finds a file system whose bitmaps and inodes are lost.
damage_is_noticed() {
	umount $UPPER && losetup -d /dev/cw2loop0 && cp $LOWER/image /tmp/damaged || return
	dd if=/dev/zero of=/tmp/damaged bs=1k seek=3 count=200 conv=notrunc status=none
	! e2fsck -fn /tmp/damaged || wrong "e2fsck did not notice" || return
	rm /tmp/damaged
	losetup /dev/cw2loop0 $LOWER/image && mount -t ext4 /dev/cw2loop0 $UPPER
}

blocks() { # blocks MOUNTPOINT: prints the size of the file system
	stat -f -c %b "$1"
}

# Disk and file system grow while they are mounted: the encrypted disk first, then the image on it.
resized() {
	local lower=$(blocks $LOWER) upper=$(blocks $UPPER)
	dmsetup suspend moved && dmsetup load moved --table "$(table cw2crypt $KEY /dev/ram0 $LARGE)" &&
		dmsetup resume moved && resize2fs /dev/mapper/moved || return
	truncate -s 14M $LOWER/image && losetup -c /dev/cw2loop0 && resize2fs /dev/cw2loop0 || return
	[ "$(blocks $LOWER)" -gt "$lower" ] && [ "$(blocks $UPPER)" -gt "$upper" ] || wrong "they did not grow" || return
	copied $UPPER/file2 && checked
}

# Readers and writers at once on both file systems.
stressed() {
	local round pids= pid
	for round in 1 2; do
		cp $DATA $LOWER/stress$round & pids="$pids $!"
		dd if=$DATA of=$UPPER/stress bs=64k count=32 seek=$((round * 16)) conv=notrunc,fsync status=none & pids="$pids $!"
		dd if=$UPPER/file of=/dev/null bs=64k iflag=direct status=none & pids="$pids $!"
	done
	for pid in $pids; do
		wait $pid || wrong "a reader or writer failed" || return
	done
	rm $UPPER/stress
	forget_pages
	same stress1 "$(sum $DATA)" "$(sum $LOWER/stress1)" && same stress2 "$(sum $DATA)" "$(sum $LOWER/stress2)" &&
		rm $LOWER/stress1 $LOWER/stress2 && checked
}

# Items of both drivers are made to stay: the file system below cw2loop1 is frozen, so that its items block, and the
# device takes only two requests, so that the workers of dm-crypt above it block, too.
named_while_running() {
	local at pids= pid
	truncate -s 6M $LOWER/second && losetup /dev/cw2loop1 $LOWER/second &&
		encrypted top cw2crypt $KEY /dev/cw2loop1 12288 && put /dev/mapper/top || return
	fsfreeze --freeze $LOWER || return
	for at in 0 1 2 3 4 5 6 7; do
		dd if=$DATA of=/dev/mapper/top bs=256k count=1 skip=$at seek=$at oflag=direct conv=notrunc status=none &
		pids="$pids $!"
	done
	named 'loop_[a-z_]*workfn' cw2loop && named kcryptd_crypt cw2crypt
	at=$?
	fsfreeze --unfreeze $LOWER
	for pid in $pids; do
		wait $pid || at=1
	done
	[ $at = 0 ] && same "after the freeze" "$(sum $DATA)" "$(got /dev/mapper/top)"
}

modules_are_kept() {
	kept cw2crypt cw2loop cmwq2
}

writing() { # writing DEVICE: writes the data again and again, until there is an error
	while put "$1"; do :; done 2> /dev/null
}

# A device goes away while it is written.
unplugged() {
	local writer written=/sys/block/cw2loop1/stat before
	writing /dev/mapper/top & writer=$!
	before=$(cat $written)
	until_true changed $written "$before" || return
	# The device is replaced by one that fails all requests, so the writer ends and the device can be removed.
	dmsetup --noudevsync --noudevrules --force remove top 2> /dev/null
	wait $writer
	until_true without_top || return
	writing /dev/cw2loop1 & writer=$!
	before=$(cat $written)
	until_true changed $written "$before" || return
	# loop lets go of its file when the last user closes the device.
	losetup -d /dev/cw2loop1
	kill $writer 2> /dev/null
	wait $writer
	until_true detached
}

changed() { # changed FILE TEXT: the file has another content by now
	[ "$(cat "$1")" != "$2" ]
}

without_top() {
	dmsetup status top > /dev/null 2>&1 || return 0
	unmapped top 2> /dev/null
}

detached() {
	[ ! -e /sys/block/cw2loop1/loop/backing_file ]
}

# What was not unplugged is whole.
whole_at_the_end() {
	checked && umount $UPPER && losetup -d /dev/cw2loop0 && umount $LOWER && e2fsck -fn /dev/mapper/moved &&
		unmapped moved
}

modules_unload() {
	gone cw2crypt cw2loop cmwq2
}

begin cmwq2_drivers_block
dd if=/dev/urandom of=$DATA bs=1M count=$MIB status=none
if load cmwq2 && load cw2loop max_loop=2 hw_queue_depth=2 && load cw2crypt; then
	for name in same_ciphertext read_by_the_other corruption_is_noticed rekeyed file_systems checked damage_is_noticed \
		resized stressed named_while_running modules_are_kept unplugged whole_at_the_end modules_unload; do
		try $name
	done
else
	not_ok loaded "insmod failed"
fi
end
