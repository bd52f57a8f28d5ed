# SPDX-License-Identifier: GPL-2.0
# Tests the parameter fault_create as a user sees it: which values it accepts and shows, and that neither hotplug of a
# CPU nor unloading the module waits for a stalled creation of a worker. cmwq2_pressure tests the effect of the fault.
. /harness/settings
. /harness/lib.sh
. /harness/bench.sh

FAULT=/sys/module/cmwq2/parameters/fault_create
CPU=/sys/devices/system/cpu/cpu1/online

is() { # is TEXT
	[ "$(cat $FAULT)" = "$1" ]
}

shows() { # shows NAME VALUE TEXT: after VALUE is written, the parameter reads as TEXT
	echo off > $FAULT
	echo "$2" > $FAULT 2>/dev/null
	verify "shows_$1" "'$2' is shown as '$(cat $FAULT)'" is "$3"
}

refused() { # refused NAME VALUE: fails with EINVAL, logs one line with VALUE and what is allowed, changes nothing
	local said
	echo off > $FAULT
	echo fail:0 > $FAULT
	dmesg -c > /dev/null
	said=$(echo "$2" 2>&1 > $FAULT) && { not_ok "refused_$1" "'$2' was taken"; return; }
	[ "${said##*: }" = "Invalid argument" ] || { not_ok "refused_$1" "${said##*: }"; return; }
	[ "$(dmesg | grep -cF "fault_create=$2: allowed: ")" = 1 ] || { not_ok "refused_$1" "not one line"; return; }
	verify "refused_$1" "it changed to '$(cat $FAULT)'" is fail:0
}

ends() { # a fault that lasts one second is off after that time
	echo stall:0:1 > $FAULT
	sleep 1.2
	is off
}

# There are pools with threads, but no queue of a user. The hotplug callbacks of a CPU must not be delayed.
cpu_goes_and_comes() {
	echo stall > $FAULT
	echo 0 > $CPU && echo 1 > $CPU && [ "$(cat $CPU)" = 1 ]
}

# Makes the manager of a system queue's pool stall. Only the module's parameter keeps it stalled. The run has few items,
# so that they are quickly allocated even on a kernel that checks each allocation, but a very large number of rounds.
stalls() { # starts a benchmark whose pool cannot create workers, and kills it in the middle
	load cmwq2_bench
	configure_bench workload=rescue queue=percpu items=10000 foreign=0 rounds=1000 || return
	sh -c "echo 1 > $BENCH/run" 2>/dev/null &
	local left=3000
	until case $(cat $FAULT) in *stall:*) true ;; *) false ;; esac; do
		left=$((left - 1))
		[ $left = 0 ] && break
		sleep 0.02
	done
	kill $!
	wait $!
	unload cmwq2_bench
	[ $left != 0 ]
}

begin cmwq2_create_fault
if load cmwq2; then
	verify off_at_load "it is $(cat $FAULT)" is off
	shows off off off
	shows fail fail fail:all
	shows all stall:all stall:all
	shows time fail:all:86400 fail:all:86400
	shows one stall:1 stall:1
	shows one_time fail:1:86400 fail:1:86400
	echo fail > $FAULT
	echo off:1 > $FAULT
	verify shows_exception "$(cat $FAULT)" is "fail:all off:1"
	for pair in empty: word:bogus how:on pool:fail:x none:fail:99999 bh:fail:2 seconds:fail:0:x zero:fail:0:0 \
		many:fail:0:86401 more:fail:0:1:1 end_of_off:off:0:1 case:FAIL; do
		refused "${pair%%:*}" "${pair#*:}"
	done
	verify ends_in_time "it is $(cat $FAULT)" ends
	if [ -w $CPU ]; then
		verify cpu_goes_and_comes "the CPU is not there" cpu_goes_and_comes
	else
		skip cpu_goes_and_comes "no CPU can be taken offline here"
	fi
	echo off > $FAULT
	verify seen_in_a_run "no pool was starved, or the run did not end" stalls
	echo stall > $FAULT
	unload cmwq2
	verify unload "the module is still there" [ ! -e $FAULT ]
	for value in fail stall:all:5 bogus; do
		verify "not_at_load_$value" "insmod took it" eval "! insmod /modules/cmwq2.ko fault_create=$value 2>/dev/null"
	done
else
	not_ok load "insmod failed"
fi
end
