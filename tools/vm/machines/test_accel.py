#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of accel.py: the probe of KVM."""

import contextlib
import io
import sys
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.testing import Case, directory

from machines import accel


class Probe(Case):
    def test_one_probe_of_kvm(self) -> None:
        """Guests that start together wait for a single probe of KVM, and its answer is remembered."""
        asked, cache, boots, works = [], accel.CACHE, accel._boots, []

        def boots_slowly(target: object) -> bool:
            asked.append(target)
            time.sleep(0.3)
            return True

        with directory() as home:
            accel.CACHE, accel._boots = home / "kvm.json", boots_slowly
            try:
                threads = [threading.Thread(target=lambda: works.append(accel._works(None))) for _ in range(3)]
                with contextlib.redirect_stdout(io.StringIO()):
                    for thread in threads:
                        thread.start()
                    for thread in threads:
                        thread.join()
            finally:
                accel.CACHE, accel._boots = cache, boots
        self.assertEqual((len(asked), works), (1, [True] * 3))


if __name__ == "__main__":
    unittest.main()
