#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Gives every command wrong input: misspelt options, values that are out of range, files that are missing, empty,
binary, cut short or of another program. Each must be refused in one line on stderr that names what is wrong, without
output, with the status that tools/cli.py has for it, and without a traceback."""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TOOLS = Path(__file__).resolve().parent
sys.path.insert(0, str(TOOLS))
import cli  # noqa: E402
from wq.testing import make_dump  # noqa: E402

# The command line, the status, and a word of the line on stderr. File names are those that _make_files() makes.
WRONG = [
    ("wq_dump.py --nonsense", 2, "--nonsense"),
    ("wq_dump.py extra", 2, "extra"),
    ("wq_dump.py --items -1", 2, "--items"),
    ("wq_dump.py --items x", 2, "x is not a number"),
    ("wq_dump.py --hz 0", 2, "allowed: 1 or more"),
    ("wq_dump.py --pool", 2, "--pool"),
    ("wq_dump.py --pool one", 2, "one is not a number"),
    ("wq_dump.py --age 1.5", 2, "1.5 is not a number"),
    ("wq_dump.py --top 0", 2, "allowed: 1 or more"),
    ("wq_dump.py --stalls --diff dump.json", 2, "not allowed with"),
    ("wq_dump.py --stalls --sizes", 2, "not allowed with"),
    ("wq_dump.py --exit-code", 2, "only allowed with --stalls"),
    ("wq_dump.py --json --wide", 2, "not allowed with --wide"),
    ("wq_dump.py --latency --native", 2, "not allowed with --native"),
    ("wq_dump.py --read dump.json --native", 2, "not allowed with --read"),
    ("wq_dump.py --read - --diff -", 2, "standard input"),
    ("wq_dump.py", 1, "no kernel to look at"),
    ("wq_dump.py --read missing", 1, "missing: No such file"),
    ("wq_dump.py --read directory", 1, "directory: Is a directory"),
    ("wq_dump.py --read empty", 1, "empty: not a dump"),
    ("wq_dump.py --read binary", 1, "binary: not a dump"),
    ("wq_dump.py --read deep", 1, "nested too deeply"),
    ("wq_dump.py --read list", 1, "schema None"),
    ("wq_dump.py --read other.json", 1, "schema 1"),
    ("wq_dump.py --read cut.json", 1, "not a dump"),
    ("wq_dump.py --read hollow.json", 1, "form of dump"),
    ("wq_dump.py --read hollow.json --stalls --json --exit-code", 1, "form of dump"),
    ("wq_dump.py --read dump.json --pool 99", 1, "there is no pool 99"),
    ("wq_dump.py --read dump.json --queue nosuch", 1, "no workqueue has a name like nosuch"),
    ("wq_dump.py --read dump.json --diff missing", 1, "missing: No such file"),
    ("wq_dump.py --read dump.json --diff native.json", 1, "engine is native"),
    ("wq_monitor.py --nonsense", 2, "--nonsense"),
    ("wq_monitor.py -i never", 2, "never is not an interval"),
    ("wq_monitor.py 0.001", 2, "0.001 is not an interval"),
    ("wq_monitor.py 1 0", 2, "0 is not a number"),
    ("wq_monitor.py 1 2 3", 2, "3"),
    ("wq_monitor.py 5 -i 1", 2, "--interval: given twice"),
    ("wq_monitor.py 0 5", 2, "--count"),
    ("wq_monitor.py --json --prometheus", 2, "not allowed with"),
    ("wq_monitor.py --prometheus metrics.txt", 2, ".prom"),
    ("wq_monitor.py --top -3", 2, "--top"),
    ("wq_monitor.py --pool x", 2, "x is not a number"),
    ("wq_monitor.py", 1, "no kernel to look at"),
    ("port_driver.py", 2, "FILE|DIR"),
    ("port_driver.py --jobs 0 empty", 2, "allowed: 1 or more"),
    ("port_driver.py --kdir missing empty", 1, "missing: no kernel was configured there"),
    ("port_driver.py --kdir directory empty", 1, "allowed: the build directory of a kernel"),
    ("bench", 2, "COMMAND"),
    ("bench nosuch", 2, "nosuch"),
    ("bench table", 2, "REPORT.json"),
    ("bench table missing", 1, "missing"),
    ("bench table directory", 1, "directory"),
    ("bench table empty", 1, "empty"),
    ("bench table binary", 1, "binary"),
    ("bench table deep", 1, "deep"),
    ("bench table dump.json", 1, "dump.json"),
    ("bench summary list", 1, "list"),
    ("bench summary cut.json", 1, "cut.json"),
    ("bench page hollow.json", 1, "hollow.json"),
    ("bench picture missing", 1, "missing"),
    ("bench picture list", 1, "list"),
    ("bench picture dump.json", 1, "dump.json"),
    ("bench compare dump.json", 2, "B.json"),
    ("bench compare missing empty", 1, "missing"),
    ("bench agree dump.json native.json", 1, "dump.json"),
    ("bench goals dump.json", 1, "dump.json"),
    ("bench goals --goals missing dump.json", 1, "missing"),
    ("bench goals --goals binary dump.json", 1, "binary"),
    ("bench join dump.json", 2, "--out"),
    ("bench join dump.json --out joined.json", 1, "dump.json"),
    ("bench fleet missing", 1, "missing"),
    ("bench fleet directory", 1, "directory"),
    ("bench fleet dump.json", 1, "dump.json"),
    ("bench fleet dump.json --wide --json", 2, "not allowed with"),
    ("bench aa empty", 1, "empty"),
    ("bench run --rounds 0", 2, "0 is not a count"),
    ("bench run --workload nosuch", 1, "nosuch"),
    ("bench run --profiles nosuch", 1, "nosuch"),
    ("bench run --out directory/missing/report.json --sysfs missing", 1, "missing"),
    ("bench_report.py", 2, "RESULT"),
    ("bench_report.py missing", 1, "missing"),
    ("bench_report.py empty", 1, "empty"),
    ("bench_report.py binary", 1, "binary"),
    ("bench_report.py directory", 1, "directory"),
    ("bench_report.py dump.json --json", 2, "--json"),
    ("parity.py", 2, "KERNEL"),
    ("parity.py missing", 1, "missing"),
    ("parity.py directory", 1, "directory"),
    ("parity.py empty", 1, "empty"),
    ("policies.py missing", 1, "missing"),
    ("policies.py empty", 1, "empty"),
    ("policies.py a b", 2, "b"),
    ("check_dump.py", 2, "FILE"),
    ("check_dump.py missing", 1, "missing"),
    ("check_dump.py binary", 1, "binary"),
    ("check_dump.py list", 1, "not a dump"),
    ("check_dump.py other.json", 1, "schema 1, expected 2"),
    ("check_dump.py dump.json --text missing", 2, "missing"),
    ("check_dump.py dump.json --live --queue nosuch", 1, "nosuch"),
    ("check_model.py CLAIM", 1, "CLAIM"),
    ("check_model.py CLAIM=x", 1, "CLAIM=x"),
    ("check_model.py NOSUCH=1", 1, "NOSUCH"),
    ("scale.py extra", 2, "extra"),
    ("scale.py --lines missing", 1, "missing: No such file"),
    ("scale.py --lines cut.json", 1, "cut.json: not a file of make lines"),
    ("scale.py --lines list", 1, "list: not a file of make lines"),
    ("scale.py --lines dump.json", 1, "dump.json: not a file of make lines"),
    ("scale.py --icount empty", 1, "empty: not a file of make icount"),
    ("scale.py --published dump.json", 1, "dump.json"),
    ("scale.py --published binary", 1, "binary"),
    ("scale.py --plots", 2, "only allowed with --out"),
    ("manuals.py", 2, "DIR"),
    ("manuals.py a b", 2, "b"),
    ("manuals.py --package directory out", 1, "directory: has no package cmwq2"),
    ("manuals.py --package missing out", 1, "missing: has no package cmwq2"),
    ("layouts.py", 2, "FILE"),
    ("layouts.py missing", 1, "missing: no such file"),
    ("layouts.py directory", 1, "directory"),
    ("layouts.py empty", 1, "no debug information"),
    ("layouts.py binary", 1, "no debug information"),
    # The harness refuses with status 1, because its status 2 says that a guest was lost.
    ("vm/vm", 1, "VERB"),
    ("vm/vm chekc", 1, "chekc"),
    ("vm/vm check --vm arm", 1, "VM=arm"),
    ("vm/vm check --kernel 5.10", 1, "KERNEL=5.10"),
    ("vm/vm check --kernel-src missing", 1, "KERNEL_SRC=/"),
    ("vm/vm check --machines 0", 1, "MACHINES=0"),
    ("vm/vm soak --rounds many", 1, "ROUNDS=many"),
    ("vm/vm modules --kdir directory", 1, "KDIR=directory"),
    ("vm/vm modules --w 9", 1, "W=9"),
    ("vm/vm icount --parameters bogus=1", 1, "bogus=1"),
    ("vm/vm model --claim x", 1, "CLAIM=x"),
    ("vm/vm bench --workload nosuch", 1, "nosuch"),
    ("vm/vm experiment --name nosuch", 1, "nosuch"),
    ("vm/vm clean --vm uml", 1, "--vm"),
]


def _make_files(home: Path) -> None:
    """Make the files that WRONG names. The file missing is not made."""
    good = json.dumps(make_dump())
    (home / "directory").mkdir()
    texts = {"empty": "", "list": "[]", "deep": "[" * 100000, "other.json": '{"schema": 1}', "dump.json": good,
             "cut.json": good[:len(good) // 2], "hollow.json": '{"schema": 2}',
             "native.json": json.dumps(make_dump(engine="native"))}
    for name, text in texts.items():
        (home / name).write_text(text)
    (home / "binary").write_bytes(bytes(range(256)))


def _run(home: Path, line: str) -> subprocess.CompletedProcess:
    name, *arguments = line.split()
    # No drgn is found, and nothing can be installed.
    clean = {"PATH": "/nonexistent:/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1", "LANG": "C.UTF-8",
             "HOME": os.environ.get("HOME", "/"), "CMWQ2_CACHE": str(home / "cache")}
    return subprocess.run([sys.executable, TOOLS / name, *arguments], cwd=home, env=clean, capture_output=True,
                          stdin=subprocess.DEVNULL, text=True, timeout=120, check=False)


class TestWrongInputs(unittest.TestCase):
    def test_enough(self):
        """Every command that a user may call is here."""
        commands = {line.split()[0] for line, _, _ in WRONG}
        found = {path.name for path in TOOLS.iterdir() if path.is_file() and os.access(path, os.X_OK)
                 and not path.name.startswith("test_")}
        self.assertEqual(commands, {*found, "vm/vm"})
        self.assertGreaterEqual(len(WRONG), 60)
        self.assertEqual(len(WRONG), len({line for line, _, _ in WRONG}))

    def test_refused(self):
        with tempfile.TemporaryDirectory() as name:
            home = Path(name)
            _make_files(home)
            before = {path.relative_to(home) for path in home.rglob("*")}
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                ran = list(pool.map(lambda row: _run(home, row[0]), WRONG))
            for (line, status, word), done in zip(WRONG, ran):
                with self.subTest(line):
                    self.assertNotIn("Traceback", done.stderr)
                    self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (status, "", 1),
                                     done.stderr[-500:])
                    self.assertIn(word, done.stderr)
                    self.assertTrue(done.stderr.isascii() and done.stderr.strip().isprintable())
            # Nothing was written, apart from the directory of the harness's cache.
            left = sorted(path.relative_to(home) for path in home.rglob("*"))
            self.assertEqual([str(path) for path in left if path not in before], ["cache"])

    def test_statuses(self):
        """The table expects the two exit statuses that cli.py has for a failure and for wrong usage."""
        self.assertEqual({status for _, status, _ in WRONG}, {cli.FAILED, cli.USAGE})


if __name__ == "__main__":
    unittest.main()
