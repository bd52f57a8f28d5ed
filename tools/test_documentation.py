#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of the documents: their syntax where docutils is strict, and that commands print the lines that are quoted."""

import re
import shlex
import subprocess
import sys
import unittest
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted((ROOT / "Documentation").glob("*.rst"))
RULE = re.compile(r"^ *=+(?: +=+)+$")
SPAN = re.compile(r"^ *-+(?: +-+)+$")


def margins(rule: str) -> list[int]:
    """Return the positions of the spaces between the columns of a simple table."""
    return [place for place in range(len(rule) - len(rule.lstrip()), len(rule)) if rule[place] == " "]


def malformed(lines: list[str]) -> Iterator[str]:
    """Return rows of simple tables whose text crosses into the next column, and titles longer than their underline."""
    rule = ""
    for number, line in enumerate(lines, 1):
        if RULE.match(line):
            # A rule that is followed by an empty line ends the table.
            rule = line if not rule or number < len(lines) and lines[number].strip() else ""
        elif rule and any(SPAN.match(each) for each in lines[number - 1:number + 1]):
            continue    # A head that spans several columns.
        elif rule and line.strip() and any(line[place:place + 1].strip() for place in margins(rule)):
            yield f"{number}: text between two columns: {line}"
        if re.match(r"^(=+|-+|~+)$", line) and number > 1 and lines[number - 2].strip() \
                and not lines[number - 2].startswith(" ") and len(line) < len(lines[number - 2]):
            yield f"{number}: the line is shorter than its title"


class Form(unittest.TestCase):
    def test_documents(self) -> None:
        for path in DOCUMENTS:
            self.assertEqual(list(malformed(path.read_text().splitlines())), [], path.name)

    def test_faults_are_seen(self) -> None:
        for text in ("==== ====\na    b\n==== ====\nlonger it\n==== ====\n", "=====\ntitle \n====\n", "title\n----\n"):
            self.assertTrue(list(malformed(text.splitlines())), text)


class Index(unittest.TestCase):
    def test_every_page_is_in_it(self) -> None:
        """The index has every document once, and the pages that make docs adds."""
        text = (ROOT / "Documentation/index.rst").read_text()
        entries = [line.strip() for line in text.splitlines() if re.match(r"   [\w-]+$", line)]
        source = (ROOT / "tools/vm/verbs/docs.py").read_text()
        made = re.findall(r'^    "(kernel-doc-\w+)": ', source, re.M) + ["commands"]
        self.assertGreater(len(made), 5)
        self.assertEqual(sorted(entries), sorted([*made, *(path.stem for path in DOCUMENTS if path.stem != "index")]))

    def test_glossary(self) -> None:
        """The glossary has a word for each state and kind that the tools print, and for the terms of the kernel's
        header."""
        text = (ROOT / "Documentation/glossary.rst").read_text()
        terms = set(re.findall(r"^   (\w[\w -]*)$", text, re.M))
        for word in ("item", "workqueue", "worker pool", "pwq", "worker", "manager", "rescuer", "mayday", "pod", "kick",
                     "affinity scope", "max_active", "min_active", "barrier", "pending", "in flight", "plugged",
                     "frozen", "repatriate", "disassociated", "CPU intensive", "stall", "BH workqueue"):
            self.assertIn(word, terms)
        self.assertGreater(len(terms), 50)


class Quoted(unittest.TestCase):
    """Lines that a document quotes from a script: their fixed parts must be in the script's source."""

    LINE = re.compile(r"^ +(wq_dump\.py|wq_monitor\.py): (.*)$", re.MULTILINE)

    def test_errors(self) -> None:
        tools = ROOT / "tools"
        source = "\n".join(path.read_text() for path in (tools / "cli.py", *tools.glob("wq/*.py"))
                           if not path.name.startswith("test"))
        # Join string literals that continue over several lines of the source.
        source = re.sub(r'"\s*f?"', "", source)
        found = self.LINE.findall((ROOT / "Documentation/inspection.rst").read_text())
        self.assertGreater(len(found), 5)
        for _, text in found:
            words = re.split(r"\b(?:module|pool \d+|progress_at|short read)\b|: |; ", text)
            longest = max(words, key=len).strip().split(" struct ")[0]
            self.assertTrue(re.sub(r" (nosuch|\d.*)$", "", longest) in source, text)

    def test_policy(self) -> None:
        """The code in policy-howto.rst is that of the policy which the document explains."""
        source = "".join((ROOT / name).read_text() for name in ("src/lab/policy/spin.h", "src/core/process.c"))
        known = {" ".join(line.rstrip("\\").split()) for line in source.splitlines()}
        text = (ROOT / "Documentation/policy-howto.rst").read_text().partition("The idea\n=")[2]
        lines = re.findall(r"^    +(?!make )(.+)$", text, re.MULTILINE)
        quoted = [" ".join(line.rstrip("\\").split()) for line in lines]
        self.assertGreater(len(quoted), 25)
        self.assertEqual([line for line in quoted if line not in known], [])

    def test_exit_status(self) -> None:
        """The table of exit statuses in the document has the numbers of cli.py."""
        numbers = re.findall(r"^(\d+) {2,}", (ROOT / "Documentation/inspection.rst").read_text().partition(
            "Exit status\n===========")[2].partition("Names on the terminal")[0], re.MULTILINE)
        code = re.search(r"^PASSED, .* = (.*)$", (ROOT / "tools/cli.py").read_text(), re.MULTILINE)
        assert code
        self.assertEqual(numbers, code[1].split(", "))


class FirstPage(unittest.TestCase):
    """The commands that the README shows with a prompt."""

    def commands(self) -> list[list[str]]:
        """Return the words of each command."""
        blocks = re.findall(r"^```\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
        return [shlex.split(line.partition(";")[0], comments=True)
                for block in blocks for line in re.findall(r"^[$#] (\S.*)$", block, re.MULTILINE)]

    def test_they_are_understood(self) -> None:
        """Each verb has the knobs, each script the options, and each file is there."""
        sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tools/vm")]
        from benchmark import main
        from verbs import knobs
        from wq import dump, monitor
        parsers: dict[str, Callable] = {
            "tools/wq_dump.py": dump.parse_args, "tools/wq_monitor.py": monitor.parse_args,
            "tools/bench": main.parser().parse_args}
        seen = set()
        for words in self.commands():
            words = words[:next((at for at, word in enumerate(words) if word in ("|", ">")), len(words))]
            script = next((word for word in words if word in parsers), "")
            if words[0] == "make" and words[1] in knobs.VERBS:
                knobs.check_names(words[1], words[1:2], [word.partition("=")[0] for word in words[2:]])
                seen.add(words[1])
            elif script:
                parsers[script](words[words.index(script) + 1:])
                seen.add(script)
        self.assertLessEqual({"check", "model", "bench", "tools/wq_dump.py", "tools/wq_monitor.py"}, seen)

    def test_doors(self) -> None:
        """Each of the three doors has three commands with a prompt."""
        text = (ROOT / "README.md").read_text()
        for door in ("I work on kernel/workqueue.c", "My machine stalls", "My driver queues work"):
            self.assertIn(f"## {door}\n", text)
            part = text.partition(f"## {door}\n")[2].partition("\n## ")[0]
            self.assertEqual(len(re.findall(r"^[$#] \S", part, re.MULTILINE)), 3, door)


class Session(unittest.TestCase):
    """What a document shows of a drgn session."""

    def test_names(self) -> None:
        """cmwq2.py has the functions that the document names, without drgn as well."""
        text = (ROOT / "Documentation/inspection.rst").read_text().partition("In a drgn session\n=")[2]
        named = set(re.findall(r"``(for_each_\w+)``", text))
        named |= {name for names in re.findall(r">>> from cmwq2 import (.*)", text) for name in names.split(", ")}
        self.assertGreater(len(named), 10)
        code = ("import cmwq2, latency\n"
                f"assert set({sorted(named)!r}) <= set(cmwq2.__all__) <= set(dir(cmwq2)); latency.show")
        done = subprocess.run([sys.executable, "-B", "-c", code], cwd=ROOT / "tools", capture_output=True, text=True,
                              check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()
