#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of experiments.py: run with python3 tools/checks/test_experiments.py."""

import json
import random
import re
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import blocks
import cli
import policies
from benchmark import stats
from checks import experiments, movement
from checks.experiments import CLAIMS, COSTS_US, EXPERIMENTS, PENDING, QUEUES, RESCUES, ExperimentError, Finding, spread

ROOT = Path(__file__).resolve().parents[2]


def document(engines: dict, rounds: int = 9, **header: object) -> dict:
    """Return a document like those of results.parse(). @engines has the figures of a round by engine, or a
    function that returns them for a round."""
    names = list(engines)
    records = []
    for number in range(rounds):
        for index, name in enumerate(names):
            figures = {key: value(number) if callable(value) else value for key, value in engines[name].items()}
            records.append({"round": number, "engine": index, **figures})
    return {"header": {"engines": names, "calls": 10, **header}, "rounds": list(reversed(records))}


class Statistics(unittest.TestCase):
    def test_spread(self) -> None:
        found = spread([1.0, 1.1, 0.9, 1.05, 0.95, 1.0, 1.02])
        self.assertEqual(found.median, 1.0)
        self.assertLessEqual(0.9, found.low)
        self.assertLessEqual(found.low, found.median)
        self.assertLessEqual(found.median, found.high)
        self.assertLessEqual(found.high, 1.1)

    def test_repeatable(self) -> None:
        values = [1.0, 1.3, 0.7, 1.1, 0.8, 1.2]
        self.assertEqual(spread(values), spread(values))

    def test_few_values_have_extremes(self) -> None:
        self.assertEqual(spread([3, 1, 2]), experiments.Spread(2, 1, 3, False))
        self.assertEqual(spread([2.0] * 5).verdict("more", "less"), "too few rounds")
        with self.assertRaises(ExperimentError):
            spread([])

    def test_one_interval_for_the_whole_project(self) -> None:
        """The interval is at least as wide as the exact one, which that of the bootstrap alone is not."""
        source = random.Random(7)
        for count in (6, 15, 25, 41):
            values = sorted(1 + source.lognormvariate(-3, 1) for _ in range(count))
            found, rank = spread(values), stats.exact_rank(count)
            assert rank is not None
            self.assertEqual((found.low, found.high), stats.median_interval(values))
            self.assertLessEqual(found.low, values[rank])
            self.assertGreaterEqual(found.high, values[-1 - rank])

    def test_the_same_thing_twice(self) -> None:
        """Two equal sets are called different in at most one of twenty cases, as Documentation/experiments.rst says."""
        for count, pairs in ((15, 600), (41, 200)):
            source = random.Random(count)
            drawn = [[[1 + source.lognormvariate(-3, 1) for _ in range(count)] for _ in "ab"] for _ in range(pairs)]
            different = sum(experiments.paired(*each).verdict("x", "x") == "x" for each in drawn)
            self.assertLessEqual(different, 0.05 * pairs, count)

    def test_verdict(self) -> None:
        self.assertEqual(experiments.Spread(1.1, 1.01, 1.2).verdict("more", "less"), "more")
        self.assertEqual(experiments.Spread(0.9, 0.8, 0.99).verdict("more", "less"), "less")
        self.assertEqual(experiments.Spread(1.1, 0.99, 1.2).verdict("more", "less"), "no difference seen")

    def test_pairs_are_of_one_round(self) -> None:
        both = document({"a": {"rate": lambda n: 100 * (n + 1)}, "b": {"rate": lambda n: 50 * (n + 1)}})
        self.assertEqual(experiments.ratios(both, "a", "b", "rate"), experiments.Spread(2, 2, 2))
        with self.assertRaisesRegex(ExperimentError, "no engine c"):
            experiments.ratios(both, "c", "b", "rate")
        with self.assertRaisesRegex(ExperimentError, "has no picks"):
            experiments.values_of(both, "a", "rate", "picks")

    def test_growth(self) -> None:
        self.assertAlmostEqual(experiments.growth(1, 100, 100), 1)
        self.assertAlmostEqual(experiments.growth(1, 10000, 100), 2)


COUNTED = {"rate": 1000, "woken": 50, "queued": 100, "created": 1, "lock_held_ns": 5000, "lock_long_ns": 1000,
           "lock_acquired": 41, "lock_long": 1, "pick_ns": 900, "picks": 60}


class Claims(unittest.TestCase):
    def steps(self, **flag: int) -> dict:
        engines = {experiments.claim_engine(claim): dict(COUNTED) for claim in CLAIMS}
        engines[experiments.claim_engine("kicked_flag")].update(flag)
        return {f"{queue}{counted}": document(engines) for queue in QUEUES for counted in ("", "-counted")}

    def test_the_same(self) -> None:
        finding = experiments.judge_claims(self.steps())
        self.assertEqual(len(finding.rows), len(QUEUES) * len(CLAIMS))
        self.assertNotIn("slower", finding.conclusion)
        self.assertIn("no difference seen", finding.conclusion)
        # Long holds are left out: 4000 ns in 40 times.
        self.assertEqual(finding.rows[0][:5], ("percpu", "none", "0.500", 9, "100"))

    def test_slower(self) -> None:
        finding = experiments.judge_claims(self.steps(pick_ns=1800, rate=500))
        self.assertIn("a pick 2.000 [2.000..2.000] (slower)", finding.conclusion)
        self.assertIn("(fewer)", finding.conclusion)


class Coalescing(unittest.TestCase):
    def test_judge(self) -> None:
        steps = {}
        for queue in QUEUES:
            for count in experiments.BURSTS:
                engines = {experiments.claim_engine(claim): {"woken": 10 * (count if claim == "leave_idle" else 1),
                                                             "created": 0} for claim in CLAIMS}
                steps[f"{queue}-{count}"] = document(engines)
        finding = experiments.judge_coalescing(steps)
        self.assertIn("64.0 (leave_idle)", finding.conclusion)
        self.assertIn("1.0 (none)", finding.conclusion)
        self.assertEqual(len(finding.rows), len(QUEUES) * (len(experiments.BURSTS) + 1))


class WakeupCost(unittest.TestCase):
    def test_judge(self) -> None:
        steps = {}
        for queue in QUEUES:
            for cost in COSTS_US:
                gain = 1 + cost / 10 if queue == "unbound" else 1
                plain = {"rate": 1000, "p95_ns": 10, "woken": 1, "queued": 1}
                steps[f"{queue}-{cost}"] = document({experiments.LOCKED: plain,
                                                     experiments.DEFERRED: {**plain, "rate": 1000 * gain},
                                                     experiments.EVERYWHERE: plain})
        finding = experiments.judge_wakeup_cost(steps)
        self.assertIn("unbound +0 % at 0 us (none seen), +10 % at 1 us, +50 % at 5 us, +200 % at 20 us",
                      finding.conclusion)
        self.assertIn("percpu +0 % at 0 us (none seen)", finding.conclusion)


class Rescuer(unittest.TestCase):
    def test_judge(self) -> None:
        powers = {"slurp": 1, "cursor": 1, "restart": 2}
        steps: dict = {}
        for line in EXPERIMENTS["rescuer"].steps:
            words = dict(word.split("=", 1) for word in line.split()[1:])
            engines = {name: {"rescue_ns": 1000 * int(words["items"]) ** powers[name.partition("=")[2]]}
                       for name in words["engines"].split(",")}
            steps[line.split()[0]] = document(engines, rounds=int(words["rounds"]))
        finding = experiments.judge_rescuer(steps)
        self.assertIn("cursor 1.00, slurp 1.00, restart 2.00", finding.conclusion)
        self.assertIn("10000 items under cursor take 1.00 times as long", finding.conclusion)
        self.assertEqual(finding.rows[2][-1], "2.00")
        self.assertEqual(len(finding.rows), len(RESCUES))
        self.assertEqual(finding.rows[0][1], f"{PENDING[0] / 1000:.2f} [1.00..1.00]")


class Inbox(unittest.TestCase):
    def test_judge(self) -> None:
        """Of 1000 ns per item 200 are waited for the lock: without them it is 1.25 times as fast, and no more."""
        counts = {"rate": 1000, "cpu_ns": 1000, "queued": 100, "lock_acquired": 300, "lock_contended": 30}
        quiet, busy = {**counts, "lock_wait_ns": 0}, {**counts, "lock_wait_ns": 20000}
        names = [f"cmwq2:{profile}" for profile in experiments.INBOX_PROFILES]
        finding = experiments.judge_inbox({load: document({names[0]: quiet, names[1]: busy})
                                           for load in experiments.INBOX_LOADS})
        self.assertEqual(len(finding.rows), 2 * len(experiments.INBOX_LOADS))
        self.assertEqual(str(finding.rows[0][-1]), "1.000 [1.000..1.000]")
        self.assertEqual(finding.rows[1][3:6], ("3.00", "10.00", "200"))
        self.assertEqual(str(finding.rows[1][-1]), "1.250 [1.250..1.250]")
        self.assertIn("stream +25.0 %", finding.conclusion)


class Policies(unittest.TestCase):
    """The experiments with one policy each."""

    FIGURES = {"rate": 1000, "p95_ns": 10, "start_p50_ns": 100, "start_p99_ns": 200, "cpu_ns": 500}

    def steps(self, policy: str, **changes: dict) -> dict:
        """Return documents in which all values of @policy are alike, but for @changes of the last value by load."""
        found = {}
        for load in experiments.POLICY_LOADS[policy]:
            engines = {experiments.engine(**{policy: value}): dict(self.FIGURES) for value in policies.names(policy)}
            engines[list(engines)[-1]].update(changes.get(load, {}))
            found[load] = document({experiments.NATIVE: {**self.FIGURES, "rate": 500}, **engines})
        return found

    def test_the_same(self) -> None:
        for policy, loads in experiments.POLICY_LOADS.items():
            finding = experiments.judge_policy(policy)(self.steps(policy))
            self.assertEqual(len(finding.rows), len(loads) * len(policies.names(policy)))
            self.assertIn(f"Differences in items/s to {policies.read()[policy].default}: ", finding.conclusion)
            self.assertEqual(finding.conclusion.count("none seen"), len(policies.names(policy)) - 1)
            self.assertTrue(all(str(row[2]).startswith("2.000 ") for row in finding.rows))

    def test_differences(self) -> None:
        steps = self.steps("pick", roundtrip={"rate": 1500}, busy={"rate": 800, "start_p99_ns": None})
        finding = experiments.judge_policy("pick")(steps)
        self.assertTrue(finding.conclusion.endswith("; pick=predict roundtrip +50 %, busy -20 %."), finding.conclusion)
        rows = {row[:2]: row for row in finding.rows}
        self.assertEqual(rows["roundtrip", "predict"][4], "gain")
        self.assertEqual((rows["busy", "predict"][4], rows["busy", "predict"][7]), ("loss", "-"))
        self.assertEqual(rows["busy", "head"][4], "")

    def test_loads(self) -> None:
        """Each load is used, and each policy that has loads exists."""
        used = {load for loads in experiments.POLICY_LOADS.values() for load in loads}
        self.assertEqual(used, set(experiments.LOADS))
        self.assertLessEqual(set(experiments.POLICY_LOADS), set(policies.read()))


KTAP = """\
KTAP version 1
1..1
    KTAP version 1
    # Subtest: cmwq2_switch
    1..2
    # switch_under_load: switches=10000 items=49161
    ok 1 switch_under_load
    # Subtest: forced
        ok 1 none_locked_percpu
        ok 4 none_locked_again
        not ok 2 kicked_list_deferred_unbound
        ok 3 kicked_first_everywhere_percpu # SKIP needs two CPUs
    not ok 2 forced
ok 1 cmwq2_switch
"""


MODELS = """\
      pool     claim        wake       min_idle workers timeouts switches strict  fault          states seconds  verdict
PASS  unbound  none         locked            2       3      any        0      0  none          1234567    12.3  safe; every item runs
PASS  bound_pn kicked_list  deferred          2       3      any        0      0  none                5     0.1  safe; every item runs
PASS  unbound  none         deferred          0       3        1        0      0  none                7     0.1  reaps worker 0
PASS  unbound  none         locked            2       3        1        0      1  none                7     0.1  reaps worker 0
PASS  unbound  kicked_list  deferred          2       3        1        0      1  none                7     0.1  safe; every item runs
PASS  unbound  none         deferred          2       3      any        0      0  cull_head           7     0.1  reaps worker 0
PASS  unbound  kicked_list  deferred          2       3      any        0      0  cull_head           7     0.1  safe; every item runs

unbound none deferred 0 3 1 0 0 none
    1  W1: sleeps
"""     # noqa: E501


class Suites(unittest.TestCase):
    def test_cases(self) -> None:
        self.assertEqual(experiments.cases_of(KTAP), [("switch_under_load", True), ("forced/none_locked_percpu", True),
                                                      ("forced/none_locked_again", True),
                                                      ("forced/kicked_list_deferred_unbound", False)])

    def test_switching(self) -> None:
        good = KTAP.replace("not ok", "ok")
        self.assertFalse(experiments.judge_switching({"cmwq2_switch": good}).failed)
        self.assertTrue(experiments.judge_switching({"cmwq2_switch": KTAP}).failed)
        self.assertTrue(experiments.judge_switching({"cmwq2_switch": good.replace("=10000", "=9999")}).failed)
        self.assertTrue(experiments.judge_switching({"cmwq2_switch": ""}).failed)
        self.assertTrue(experiments.judge_switching({}).failed)

    def test_names(self) -> None:
        for name, expected in (("forced/none_locked_percpu", ("none", "locked")),
                               ("kicked_list_deferred", ("kicked_list", "deferred")),
                               ("a/kicked_first_everywhere_unbound", ("kicked_first", "everywhere")),
                               ("leave_idle.enqueue", ("leave_idle", "enqueue")),
                               ("something_else", ("-", "-"))):
            self.assertEqual(experiments.claim_and_wake(name), expected)

    def test_models(self) -> None:
        models = experiments.models_of(MODELS)
        self.assertEqual([model.claim for model in models],
                         ["none", "kicked_list", "none", "none", "kicked_list", "none", "kicked_list"])
        self.assertEqual(models[1], experiments.Model(True, "bound_pn", "kicked_list", "deferred", 2, False, "none", 5,
                                                      True))
        self.assertEqual([model.safe for model in models], [True, True, False, False, True, False, True])
        self.assertTrue(models[3].strict)
        self.assertEqual(experiments.models_of(""), [])
        with self.assertRaises(ExperimentError):
            experiments.models_of("a b c\nPASS 1 2 3\n")

    def test_kick_vs_cull(self) -> None:
        finding = experiments.judge_kick_vs_cull({"cmwq2_interleave": KTAP, "model": [MODELS]})
        self.assertTrue(finding.failed)
        self.assertIn(("none", "locked", "0 of 2", "-", 1, 1234567, 0, "yes"), finding.rows)
        self.assertIn(("kicked_list", "deferred", "-", "1 of 1", 1, 5, 0, "no"), finding.rows)
        self.assertIn("of 2 models that leave two idle workers 0 lose or starve an item, of 1 that leave fewer 1",
                      finding.conclusion)
        self.assertIn("its item going to another, under: none locked. If", finding.conclusion)
        self.assertIn("would be lost under: none deferred.", finding.conclusion)

    def test_kick_vs_cull_passes(self) -> None:
        good = KTAP.replace("not ok", "ok")
        self.assertFalse(experiments.judge_kick_vs_cull({"cmwq2_interleave": good, "model": [MODELS]}).failed)
        self.assertTrue(experiments.judge_kick_vs_cull({"cmwq2_interleave": good, "model":
                                                        [MODELS.replace("PASS", "FAIL", 1)]}).failed)
        self.assertTrue(experiments.judge_kick_vs_cull({}).failed)


class Movement(unittest.TestCase):
    @staticmethod
    def counted(engines: tuple, transfers: float) -> dict:
        """Return a document of make lines in which @transfers are made for an item of each engine."""
        spread_ = {"median": transfers, "low": transfers, "high": transfers}
        return {"lines": {"workloads": [
            {"workload": "roundtrip", "scope": "system", "engine": name.partition(":")[0],
             "profile": name.partition(":")[2] or None, "transfers_per_item": spread_, "of_rounds": spread_,
             "under_lock": spread_, "wakeups": {"median": 0.5}, "by_phase": {"enqueue": 6, "wake": 2},
             "by_field": [{"structure": "cmwq2_worker", "by_phase": {"enqueue": 1.0}},
                          {"structure": "cmwq2_pool", "by_phase": {"enqueue": 2.0}}]} for name in engines]}}

    def test_claims(self) -> None:
        """What moves for a kick is what moves for an item, divided by the kicks."""
        finding = movement.judge_claims(self.counted(movement.CLAIMED, 80))
        self.assertEqual([row[1] for row in finding.rows], list(CLAIMS))
        self.assertEqual(finding.rows[0][2:], ("80.00 [80.00..80.00]", "0.50", "6.00", "2.00", "4.00"))
        self.assertIn("2.00 lines of the worker with the flag", finding.conclusion)
        with self.assertRaises(ExperimentError):
            movement.judge_claims(self.counted(movement.CLAIMED[1:], 80))

    def test_policies(self) -> None:
        finding = movement.judge_policies(self.counted(movement.CHOSEN, 80))
        self.assertEqual(len(finding.rows), len(movement.CHOSEN))
        self.assertIn("shared moves 80.0", finding.conclusion)
        with self.assertRaises(ExperimentError):
            movement.judge_policies(self.counted(movement.CHOSEN[:-1], 80))


class Steps(unittest.TestCase):
    def test_lines(self) -> None:
        for name, experiment in EXPERIMENTS.items():
            self.assertEqual([bool(experiment.steps), bool(experiment.suites), bool(experiment.lines)].count(True), 1,
                             name)
            names = [step.split()[0] for step in experiment.steps]
            self.assertEqual(len(names), len(set(names)), name)
            for step in experiment.steps:
                self.assertRegex(step, r"^[a-z0-9-]+( \.?[a-z_0-9]+=\S+)+$")
                engines = re.search(r" engines=(\S+)", step)
                assert engines
                self.assertTrue(all(len(each) < 64 for each in engines[1].split(",")), step)
                self.assertLessEqual(engines[1].count(",") + 1, 8)

    def test_suites_exist(self) -> None:
        self.assertTrue((ROOT / f"kunit/suites/{EXPERIMENTS['switching'].suites}_kunit.c").exists())


class Written(unittest.TestCase):
    parts = [("uml, kernel 7.3", Finding(("a", "b"), [("x", 1), ("longer", 22)], "So it is."))]

    def test_table(self) -> None:
        self.assertEqual(self.parts[0][1].table(), "a        b\nx        1\nlonger  22")

    def test_block(self) -> None:
        block = experiments.block("claims", self.parts)
        self.assertIn("\n    uml, kernel 7.3\n    a        b\n", block)
        self.assertTrue(block.endswith(".. claims: to here\n"))
        text = f"before\n\n{experiments.block('claims', [])}\nafter\n"
        self.assertEqual(blocks.replaced(text, "claims", block), f"before\n\n{block}\nafter\n")
        with self.assertRaises(cli.Error):
            blocks.replaced(text, "coalescing", block)
        with self.assertRaises(cli.Error):
            blocks.replaced(text + text, "claims", block)

    def test_json(self) -> None:
        known = json.loads(json.dumps(experiments.result("claims", self.parts)))
        self.assertEqual(known["runs"][0]["rows"], [["x", "1"], ["longer", "22"]])
        self.assertEqual(known["question"], EXPERIMENTS["claims"].question)

    def test_every_experiment_is_documented(self) -> None:
        path = ROOT / "Documentation/experiments.rst"
        self.assertEqual(sorted(experiments.documented(path)), sorted(EXPERIMENTS))
        for name in EXPERIMENTS:
            self.assertIn(f"make experiment NAME={name}", path.read_text(encoding="utf-8"))

    def test_documented_reads(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "doc.rst"
            path.write_text(experiments.block("a", []) + experiments.block("b-c", []), encoding="utf-8")
            self.assertEqual(experiments.documented(path), ["a", "b-c"])


class OnePlaceForTheLock(unittest.TestCase):
    """lock.h and lock.c count uses of pool->lock, so no other code may take the lock directly."""

    def test_sources(self) -> None:
        taken = re.compile(r"\braw_spin_(?:un|try)?lock(?:_irq\w*)?\(&(?!nna\b)[^;]*->lock\b")
        sources = sorted((ROOT / "src").rglob("*.[ch]"))
        self.assertGreater(len(sources), 50)
        for path in sources:
            if path.name not in ("lock.h", "lock.c", "lockstat.c"):
                self.assertEqual(taken.findall(path.read_text(encoding="utf-8")), [], path.name)


if __name__ == "__main__":
    unittest.main()
