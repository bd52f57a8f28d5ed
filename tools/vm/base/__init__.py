# SPDX-License-Identifier: GPL-2.0
"""The code that every part of the harness uses: paths, locks, commands, messages, processes, and the base of the tests.

Anything in tools/vm may import it. It imports no other package.
"""
