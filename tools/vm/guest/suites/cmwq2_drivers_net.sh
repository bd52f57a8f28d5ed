# SPDX-License-Identifier: GPL-2.0
# Runs wireguard on cmwq2. There are three ends: wg1 is the kernel's own driver, wg2 and wg3 are the moved one, each in a
# network namespace of its own. Their sockets stay in the first namespace, where they reach each other over loopback.
. /harness/settings
. /harness/lib.sh
. /harness/drivers.sh

KIB=512					# of data
DATA=/tmp/data
PORT=9000
TYPE1=wireguard TYPE2=wirecmwq2 TYPE3=wirecmwq2
NS1=$$ NS2=$$ NS3=$$			# a process in the namespace of each end

namespace() { # namespace NUMBER: prints a process that is in the namespace of this end
	eval echo \$NS$1
}

within() { # within NUMBER COMMAND...: runs it in the namespace of this end
	local process=$(namespace $1)
	shift
	nsenter -t $process -n /bin/busybox "$@"
}

tool() { # tool NUMBER WORD...: configures an end with the program for its driver
	local number=$1 process=$(namespace $1) program=wg-wirecmwq2
	shift
	[ $number != 1 ] || program=wg
	nsenter -t $process -n /bin/$program "$@"
}

new_key() { # new_key NUMBER
	wg genkey > /tmp/key$1 && wg pubkey < /tmp/key$1 > /tmp/public$1
}

peer() { # peer NUMBER OTHER: makes OTHER a peer of an end
	tool $1 set wg$1 peer "$(cat /tmp/public$2)" allowed-ips 10.9.0.$2/32 endpoint 127.0.0.1:510$2
}

entered() { # entered PROCESS: it has left the first namespace
	[ "$(readlink /proc/$1/ns/net)" != "$(readlink /proc/self/ns/net)" ]
}

connected() {
	local number other
	/bin/busybox ip link set lo up || return
	for number in 1 2 3; do
		new_key $number || return
	done
	for number in 1 2 3; do
		/bin/busybox ip link add wg$number type $(eval echo \$TYPE$number) &&
			tool $number set wg$number listen-port 510$number private-key /tmp/key$number || return
		for other in 1 2 3; do
			[ $other = $number ] || peer $number $other || return
		done
		if [ $number != 1 ]; then
			unshare -n /bin/busybox sleep 100000 & eval NS$number=$!
			until_true entered $! && ip link set wg$number netns $! || return
		fi
		within $number ip address add 10.9.0.$number/24 dev wg$number &&
			within $number ip link set wg$number up || return
	done
}

pinged() {
	local from to
	for from in 1 2 3; do
		for to in 1 2 3; do
			[ $from = $to ] || within $from ping -q -A -c 2 -w 20 10.9.0.$to || wrong "no answer from $to to $from" || return
		done
	done
}

listens() { # listens NUMBER: somebody waits for a connection there
	within $1 netstat -lnt | grep -q ":$PORT "
}

sent() { # sent FROM TO [FILE]: sends the data over TCP, and compares what arrives
	local receiver
	within $2 nc -l -p $PORT > /tmp/got$1$2 <&7 & receiver=$!
	until_true listens $2 || return
	within $1 nc 10.9.0.$2 $PORT < $DATA > /dev/null || wrong "$1 cannot send to $2" || return
	wait $receiver
	same "from $1 to $2" "$(sum $DATA)" "$(sum /tmp/got$1$2)"
}

transferred() {
	sent 1 2 && sent 2 1 && sent 2 3 && sent 3 2
}

# An end gets another key while it is up.
rekeyed() {
	local number old=$(cat /tmp/public3)
	new_key 3 && tool 3 set wg3 private-key /tmp/key3 || return
	for number in 1 2; do
		tool $number set wg$number peer "$old" remove && peer $number 3 || return
	done
	pinged && sent 2 3 && sent 3 1
}

counted() { # counted NUMBER: both drivers say how much has arrived
	tool $1 show wg$1 transfer | awk '{ n += $2 } END { exit n < 1000 }' || wrong "wg$1 counts no bytes"
}

statistics() {
	counted 1 && counted 2 && counted 3
}

flooding() { # flooding FROM TO: sends without an end
	# These are not calls of within(), so that the processes can be killed.
	nsenter -t $(namespace $2) -n /bin/busybox nc -l -p $PORT > /dev/null <&7 & RECEIVER=$!
	until_true listens $2 || return
	nsenter -t $(namespace $1) -n /bin/busybox nc 10.9.0.$2 $PORT < /dev/zero > /dev/null & SENDER=$!
}

stopped() {
	kill $SENDER $RECEIVER 2> /dev/null
	wait $SENDER $RECEIVER
	return 0
}

named_while_running() {
	local status
	flooding 2 3 || return
	named 'wg_packet_[a-z]*_worker' wirecmwq2
	status=$?
	stopped
	return $status
}

modules_are_kept() {
	kept cmwq2
}

busy() {
	until_true dumped 'wg_packet_[a-z]*_worker'
}

# A device is deleted while data is sent to it. Then the module is removed while data is sent to the other device, which
# takes this one away: interfaces do not keep their module.
unplugged() {
	local status
	flooding 2 3 && busy && within 3 ip link delete wg3
	status=$?
	stopped
	[ $status = 0 ] && flooding 1 2 && busy && rmmod wirecmwq2
	status=$?
	stopped
	return $status
}

modules_unload() {
	ip link delete wg1 && kill $NS2 $NS3 && gone cmwq2
}

begin cmwq2_drivers_net
# An input that does not end. A receiver whose input ends tells the sender so, which then ends, too.
mkfifo /tmp/endless
exec 7<> /tmp/endless
dd if=/dev/urandom of=$DATA bs=1k count=$KIB status=none
if load cmwq2 && load wirecmwq2; then
	for name in connected pinged transferred rekeyed statistics named_while_running modules_are_kept unplugged \
		modules_unload; do
		try $name
	done
else
	not_ok loaded "insmod failed"
fi
end
