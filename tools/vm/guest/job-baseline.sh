# SPDX-License-Identifier: GPL-2.0
# Runs native's roundtrip in cmwq2_bench and in the kernel's own benchmark of its workqueues, ROUNDS times each. The two
# alternate in which one runs first. The results are ours/ROUND.SCOPE and own/ROUND.
. /harness/settings
. /harness/lib.sh
. /harness/bench.sh

ours() { # ours ROUND: runs the scopes in the order of lib/test_workqueue
	local scope
	for scope in $SCOPES; do
		configure_bench scope="$scope" && run_bench "ours/$1.$scope" || return 1
	done
}

own() { # own ROUND
	kernels_own $OWN | save "own/$1"
}

load cmwq2 && load cmwq2_bench || exit 0
default
configure_bench $OURS || exit 0
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
unload cmwq2_bench
unload cmwq2
