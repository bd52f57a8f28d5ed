# SPDX-License-Identifier: GPL-2.0
# Runs native's roundtrip in cmwq2_bench and in the kernel's own benchmark of its workqueues, ROUNDS times each. The two
# alternate in which one runs first. The results are ours/ROUND.SCOPE and own/ROUND. If MOVED names a copy of that
# benchmark which was moved to cmwq2, it runs in place of cmwq2_bench, and its results are moved/ROUND.
. /harness/settings
. /harness/lib.sh
. /harness/bench.sh

ours() { # ours ROUND: runs the scopes in the order of lib/test_workqueue
	local scope
	if [ -n "$MOVED" ]; then
		kernels_own $MOVED $OWN | save "moved/$1"
		return
	fi
	for scope in $SCOPES; do
		configure_bench scope="$scope" && run_bench "ours/$1.$scope" || return 1
	done
}

own() { # own ROUND
	kernels_own test_workqueue $OWN | save "own/$1"
}

load cmwq2 || exit 0
if [ -z "$MOVED" ]; then
	load cmwq2_bench || exit 0
	default
	configure_bench $OURS || exit 0
fi
round=0
while [ "$round" -lt "$ROUNDS" ]; do
	event start "baseline round $round"
	if [ $((round % 2)) = 0 ]; then
		own $round && ours $round || break
	else
		ours $round && own $round || break
	fi
	round=$((round + 1))
done
[ -n "$MOVED" ] || unload cmwq2_bench
unload cmwq2
