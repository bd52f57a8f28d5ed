# SPDX-License-Identifier: GPL-2.0
"""The Python tests: finds them, and runs those of the harness one by one, as rows of `make check-harness`."""

import unittest
from pathlib import Path

from base.common import HERE, ROOT


def files() -> list[Path]:
    """Return the files with tests. Each can be run by its path."""
    return sorted((ROOT / "tools").rglob("test_*.py"))


def of_harness() -> dict[str, unittest.TestCase]:
    """Return the tests of the harness by their names without test_."""
    found: dict[str, unittest.TestCase] = {}
    left: list = [unittest.TestLoader().discover(str(HERE), "test_*.py", str(HERE))]
    while left:
        each = left.pop()
        if isinstance(each, unittest.TestSuite):
            left += reversed(list(each))
        else:
            name = each.id().rpartition(".")[2]
            found[name[len("test_"):] if name.startswith("test_") else name] = each
    return found


class _Result(unittest.TestResult):
    """The first line of what is wrong."""

    wrong = ""

    def addFailure(self, test: unittest.TestCase, err: tuple) -> None:      # type: ignore
        """Note a check that failed."""
        self.wrong = (str(err[1]).splitlines() or ["failed"])[0]

    def addError(self, test: unittest.TestCase, err: tuple) -> None:        # type: ignore
        """Note an unexpected exception."""
        self.wrong = f"{err[0].__name__}: {(str(err[1]).splitlines() or [''])[0]}"


def trouble(case: unittest.TestCase) -> str:
    """Run @case and return what is wrong, or ''."""
    result = _Result()
    case.run(result)
    return result.wrong
