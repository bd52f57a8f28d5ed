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
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.testing import Case, directory
from machines import accel


class Probe(Case):
    def test_one_probe_of_kvm(self) -> None:
        """Guests that start together wait for a single probe of KVM, and its answer is remembered."""
        asked, works, target = [], [], mock.Mock()

        def boots_slowly(target: object) -> bool:
            asked.append(target)
            time.sleep(0.3)
            return True

        with directory() as home, mock.patch.object(accel, "CACHE", home / "kvm.json"), \
                mock.patch.object(accel, "_boots", boots_slowly), contextlib.redirect_stdout(io.StringIO()):
            threads = [threading.Thread(target=lambda: works.append(accel._works(target))) for _ in range(3)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertEqual((len(asked), works), (1, [True] * 3))


if __name__ == "__main__":
    unittest.main()
