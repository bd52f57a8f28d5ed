# SPDX-License-Identifier: GPL-2.0
"""Reads, compares and shows what the benchmark module measured, and runs it on this machine.

tools/bench calls main.py, and tools/bench_report.py calls results.py. tools/vm runs the benchmark in guests and makes
its reports with the other modules. From the bottom:

  files, stats               writing files at once; medians, intervals and comparisons
  results, documents         the result of one run, and the report of a set of runs
  sets, host                 the runs of a set, and doing them on this machine
  compare, summary, page     what is shown of reports: side by side, in one table, as a page with plots
"""
