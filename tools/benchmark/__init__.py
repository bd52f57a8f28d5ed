# SPDX-License-Identifier: GPL-2.0
"""Reads, compares and shows the results of the benchmark module, and runs the module on this machine.

tools/bench calls main.py, and tools/bench_report.py calls results.py. tools/vm runs the benchmark in guests and makes
its reports with the other modules. A module in this list imports only modules of its own line and of those above:

  files, stats, outliers     files that are written completely or not at all; medians, intervals and comparisons;
                             members of a group that do not fit the others
  results, documents, boots  the result of one run, the report of a set of runs, and that of a set in several boots
  sets, quiet, host          the list of runs of a set, whether the machine is quiet, and how runs are made on it
  compare, summary, goals    reports as text: two side by side, one as a table, and which goals they reach
  fleet, fleet_text          the reports of many machines: read and grouped; as text
  page                       a report as a page with plots
"""
