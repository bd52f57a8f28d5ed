# SPDX-License-Identifier: GPL-2.0
"""Tests for policies.py, and of where in the tree the names of policies stand."""

import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import cli
import policies
from checks import rules

ROOT = Path(__file__).resolve().parent.parent
# Values that are also English words and occur everywhere.
WORDS = {"none", "enqueue", "process", "head", "local", "everywhere", "cursor", "restart", "locked", "deferred", "free",
         "off", "on"}
# Files that may name values of a policy outside of its header, and why.
NAMED = {
    "src/lab/choices.c": "the profiles are sets of values",
    "src/core/hog.c": "the message tells which setting helps",
    "src/core/process.c": "the help of spin_us tells with which value it has an effect",
    "bench/workload/rescue.c": "the workload compares the three ways to rescue",
    "tools/checks/experiments.py": "each experiment asks about some values by name",
    "tools/vm/guest/bench.sh": "the workload rescue needs mainline's two ways",
    "tools/checks/movement.py": "the experiment about lines compares two ways to claim by name",
    "tools/vm/verbs/series.py": "one policy is that of the series by default",
    "tools/saturation/counts.py": "a profile with this value wakes under the lock, and the model counts that",
    **{f"tools/upstream/edits/{name}.edit": "the head says for which value the kernel's parameter stands"
       for name in ("claim", "claim_kicked_flag", "claim_leave_idle", "concurrency", "pick_local", "pick_predict",
                    "rescue", "spin_short", "wake_locked", "wake_partly", "wakeup_needed", "yield_later")},
    **{f"tools/upstream/faults/{name}.edit": "the head says which policy must be switched on"
       for name in ("called_for_ever", "claimed_counts_twice", "sleeper_counts", "slurp_takes_one", "stops_too_early")},
}


def _files(pattern: str) -> list:
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", pattern], cwd=ROOT, capture_output=True,
                            text=True, check=True).stdout
    return [name for name in listed.split() if (ROOT / name).exists()]


def _is_test(name: str) -> bool:
    return bool(re.match(r"kunit/|tools/(.*/)?test(_|ing\.py$)|tools/model/|tools/vm/guest/suites/|tools/vm/faults/|"
                         r"src/lab/policy/", name))


def _places() -> dict:
    """For each code file that is no test: the values of policies that stand in quotes or after POLICY=."""
    known = policies.read()
    values = {value for policy in known.values() for value in policy.names()} - WORDS
    quoted = re.compile(rf"[\"']({'|'.join(sorted(values))})[\"']")
    setting = re.compile(rf"\b(?:{'|'.join(known)})=(?:{'|'.join(sorted(values | WORDS))})\b")
    found = {}
    for name in _files("src") + _files("include") + _files("bench") + _files("tools") + _files("kunit"):
        text = (ROOT / name).read_text(errors="replace")
        # A comment may speak of a value.
        text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
        if not name.endswith((".c", ".h")):
            text = re.sub(r"^\s*#.*$", "", text, flags=re.M)
        # The figures that a verb has written name the policies that it has measured.
        if not _is_test(name) and not name.endswith(".json") and (quoted.search(text) or setting.search(text)):
            found[name] = (quoted.findall(text) + setting.findall(text))[:3]
    return found


class Descriptions(unittest.TestCase):
    """What is read from the headers."""

    def test_read(self) -> None:
        """All policies have a default among their values, and numbers that differ."""
        known = policies.read()
        self.assertLessEqual({"claim", "wake", "rescue"}, set(known))
        for policy in known.values():
            self.assertIn(policy.default, policy.names())
            self.assertEqual(len({value.number for value in policy.values}), len(policy.values))
            self.assertEqual(len(policy.values), len(re.findall(
                r"\bvalue\(\"", (ROOT / f"src/lab/policy/{policy.name}.h").read_text())))

    def test_settings(self) -> None:
        """A setting names a policy and one of its values."""
        for right in ("claim=none", "claim=none+wake=locked"):
            self.assertTrue(policies.is_setting(right))
        for wrong in ("", "claim", "claim=", "claim=bogus", "bogus=none", "claim=none+", "claim=none,wake=locked"):
            self.assertFalse(policies.is_setting(wrong), wrong)

    def test_profile_or_setting(self) -> None:
        """A profile may stand alone or before settings."""
        for right in ("shared", "claim=none", "shared+claim=none", "shared+claim=none+wake=locked"):
            self.assertTrue(policies.is_profile_or_setting(right), right)
        for wrong in ("", "shared+", "shared+claim", "bogus", "bogus+claim=none", "claim=none+shared", "shared+shared"):
            self.assertFalse(policies.is_profile_or_setting(wrong), wrong)

    def test_profiles(self) -> None:
        """A profile sets only policies and values that exist."""
        text = (ROOT / "src/lab/choices.c").read_text()
        self.assertIn("wakeup=needed", policies.profile_settings()["shared"])
        self.assertEqual(text.count("\n\t{ \""), len(policies.profiles()))
        for name, settings in policies.profile_settings().items():
            self.assertTrue(not settings or policies.is_setting(settings.replace(" ", "+")), name)

    def test_bad_header(self) -> None:
        """The error for a header that describes no policy names that header."""
        with tempfile.TemporaryDirectory() as place:
            shutil.copytree(ROOT / "src/lab/policy", Path(place) / "src/lab/policy")
            (Path(place) / "src/lab/policy/new.h").write_text("enum cmwq2_new { CMWQ2_NEW_A };\n")
            with self.assertRaisesRegex(cli.Error, "new.h: this header must define cmwq2_new_about"):
                policies.read(Path(place))
            bad = (ROOT / "src/lab/policy/wake.h").read_text().replace("CMWQ2_IN_ALL_POOLS", "CMWQ2_IN_NO_POOLS")
            (Path(place) / "src/lab/policy/new.h").write_text(bad.replace("wake", "new"))
            policies.read.cache_clear()
            with self.assertRaisesRegex(cli.Error, "new.h: cmwq2_new_pools is CMWQ2_IN_NO_POOLS: allowed: CMWQ2"):
                policies.read(Path(place))


class Copied(unittest.TestCase):
    """The tools without the sources of the engine."""

    def test_bench_starts(self) -> None:
        """`tools/bench summary` needs no policies, and its one line says what it misses."""
        with tempfile.TemporaryDirectory() as place:
            shutil.copytree(ROOT / "tools", Path(place) / "tools", ignore=shutil.ignore_patterns("vm", "__pycache__"))
            done = subprocess.run([sys.executable, "-B", Path(place) / "tools/bench", "summary", "missing.json"],
                                  capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (cli.FAILED, "", 1), done.stderr)
        self.assertIn("missing.json", done.stderr)


class Tables(unittest.TestCase):
    """The tables in the documents."""

    def test_are_up_to_date(self) -> None:
        """The check of `make style` passes; it notices a changed header, and --write updates the tables."""
        script: list = [sys.executable, "-B", ROOT / "tools/policies.py"]
        with tempfile.TemporaryDirectory() as place:
            tree = Path(place)
            for name in ("src/lab/policy", "src/lab/choices.c", rules.SOURCE, rules.MADE, policies.README,
                         policies.HOWTO):
                (tree / name).parent.mkdir(parents=True, exist_ok=True)
                (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, tree / name)
            header = tree / "src/lab/policy/claim.h"
            header.write_text(header.read_text().replace('value("none"', 'value("nobody"'))
            profiles = tree / "src/lab/choices.c"
            profiles.write_text(profiles.read_text().replace('{ "shared"', '{ "common"'))
            done = subprocess.run([*script, tree], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, cli.FAILED)
            self.assertIn("make parity WRITE=1", done.stderr)
            subprocess.run([*script, "--write", tree], capture_output=True, check=True)
            self.assertIn("`nobody`", (tree / policies.README).read_text())
            self.assertIn("``nobody``", (tree / policies.HOWTO).read_text())
            for name in (policies.README, policies.HOWTO):
                self.assertIn("`common`", (tree / name).read_text())
            subprocess.run([*script, tree], check=True)


class Places(unittest.TestCase):
    """A policy is one header: no other file lists its values."""

    def test_where_values_are_named(self) -> None:
        """Values are named in the header and in tests, and elsewhere exactly in the files listed in NAMED."""
        found = _places()
        self.assertEqual(set(found), set(NAMED), found)


if __name__ == "__main__":
    unittest.main()
