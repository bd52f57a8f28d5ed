# SPDX-License-Identifier: GPL-2.0
# Runs `tools/bench run` as a user would on a machine. The guest has a Python for this; PYTHON is its path.
. /harness/settings
. /harness/lib.sh
. /harness/bench.sh

REPORT=/tmp/report.json

bench() { # bench ARGUMENT...
	"$PYTHON" -B -S /host/tools/bench "$@"
}

run() { # run ARGUMENT...: runs a set of benchmarks on this machine
	bench run --modules /host --out $REPORT "$@" > /tmp/out 2> /tmp/err
}

nothing_left() {
	! loaded cmwq2 && ! loaded cmwq2_bench && [ ! -e $REPORT ]
}

says_line() { # says_line STATUS GLOB: the last run printed one line like GLOB and left nothing else
	[ $status = "$1" ] && [ "$(wc -l < /tmp/err)" = 1 ] || return 1
	case $(cat /tmp/err) in
	$2) nothing_left ;;
	*) return 1 ;;
	esac
}

says_nothing() { # says_nothing STATUS: the last run printed no error and left nothing
	[ $status = "$1" ] && [ ! -s /tmp/err ] && nothing_left
}

refused() { # refused NAME GLOB ARGUMENT...: the run is refused with a line like GLOB
	local name=$1 glob=$2
	shift 2
	run "$@"
	status=$?
	verify "$name" "status $status: $(cat /tmp/err)" says_line 1 "$glob"
}

whole_set() { # two workloads; block also runs with other hooks, for which the module is loaded again
	run --workload "create block" --rounds 2 --full && ! loaded cmwq2 && ! loaded cmwq2_bench &&
		bench table $REPORT > /tmp/table && grep -q '^== create' /tmp/table && grep -q '^== block hook=timer' /tmp/table
}

ended_by() { # ended_by COMMAND...: starts a long set, ends it with COMMAND, and puts its status into $status
	local tries=600
	# Started directly and not by bench(): the signal would go to that function's subshell instead of to Python.
	"$PYTHON" -B -S /host/tools/bench run --modules /host --out $REPORT --workload roundtrip --rounds 1000 \
		> /tmp/out 2> /tmp/err &
	BENCHING=$!
	until grep -q '^running' $BENCH/progress 2> /dev/null; do
		[ $((tries -= 1)) -gt 0 ] && kill -0 $BENCHING || break
		sleep 0.1
	done
	"$@"
	wait $BENCHING
	status=$?
}

send_signal() { # send_signal NAME
	kill -"$1" $BENCHING
}

write_abort() {
	echo 1 > $BENCH/abort
}

tar -xf /modules/host.tar -C /
# The shell finds these applets without a file. Python needs a file.
ln -s busybox /bin/insmod
ln -s busybox /bin/rmmod
for module in src/cmwq2 bench/cmwq2_bench; do
	mkdir -p "/host/${module%/*}"
	ln -s "/modules/${module#*/}.ko" "/host/$module.ko"
done

event start "bench host"
begin bench_host
whole_set && ok whole_set || not_ok whole_set "$(tail -n 3 /tmp/err)"
rm -f $REPORT
event round whole_set
refused unknown_policy '*config_engines*Invalid argument*bogus*' --workload create --profiles claim=bogus
refused unknown_profile '*config_engines*Invalid argument*bogus*' --workload create --profiles bogus
refused all_profiles '*--profiles=all: allowed*' --profiles all
load cmwq2
run --workload create
status=$?
verify loaded_already "status $status: $(cat /tmp/err)" grep -q 'cmwq2 is loaded already: rmmod it' /tmp/err
unload cmwq2
mkdir /tmp/small && mount -t tmpfs -o size=64k small /tmp/small
refused full_disk '*/tmp/small/report.json: No space left on device' --workload create --out /tmp/small/report.json
umount /tmp/small
event round refusals
# SIGINT is not tested, because a background process of a script ignores it.
for signal in TERM HUP; do
	ended_by send_signal $signal
	verify "signal_$signal" "status $status: $(cat /tmp/err)" says_nothing 130
done
event round signals
ended_by write_abort
verify aborted "status $status: $(cat /tmp/err)" says_line 1 '*the run was aborted'
end
