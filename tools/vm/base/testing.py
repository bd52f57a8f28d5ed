# SPDX-License-Identifier: GPL-2.0
"""What the tests of the harness share. They need no guest, and most give the code input that it must refuse."""

import contextlib
import io
import os
import tempfile
import time
import unittest
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

from base.common import Problem

# Seconds to wait for an event that other load on the machine may delay.
PATIENCE = 60.0


class Case(unittest.TestCase):
    """A test case that knows how the harness refuses something."""

    def refused(self, action: Callable[[], object], *words: str) -> None:
        """Check that @action raises Problem with a text of one line that contains all of @words."""
        with self.assertRaises(Problem) as caught:
            action()
        for word in words:
            self.assertIn(word, str(caught.exception))
        self.assertNotIn("\n", str(caught.exception))


@contextlib.contextmanager
def environment(**knobs: str) -> Iterator[None]:
    """Set variables of the environment for a while."""
    before = dict(os.environ)
    os.environ.update(knobs)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextlib.contextmanager
def directory() -> Iterator[Path]:
    """Make a directory for a while."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name).resolve()


def quiet(action: Callable[[], object]) -> str:
    """Return what @action prints."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        action()
    return said.getvalue()


def happens(what: Callable[[], bool], text: str) -> None:
    """Wait until @what returns true. @text says in the error message what did not happen."""
    end = time.monotonic() + PATIENCE
    while not what():
        if time.monotonic() > end:
            raise AssertionError(f"{text}: not within {PATIENCE:.0f} s")
        time.sleep(0.02)
