# SPDX-License-Identifier: GPL-2.0
"""Reads, compares and shows what the benchmark module measured, and runs it on this machine.

tools/bench calls main.py, and tools/bench_report.py calls results.py. tools/vm runs the benchmark in guests and makes
its reports with the other modules.
"""
