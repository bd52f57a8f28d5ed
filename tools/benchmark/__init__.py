# SPDX-License-Identifier: GPL-2.0
"""Reads, compares and shows the results of the benchmark module, and runs the module on this machine.

tools/bench calls main.py, and tools/bench_report.py calls results.py. tools/vm runs the benchmark in guests and makes
its reports with the other modules. A module in this list imports only modules of its own line and of those above:

  files, stats               files that are written completely or not at all; medians, intervals and comparisons
  results, documents         the result of one run, and the report of a set of runs
  sets, host                 the list of runs of a set, and how they are made on this machine
  compare, summary, page     reports as text or page: two side by side, one as a table, one as a page with plots
"""
