# SPDX-License-Identifier: GPL-2.0
"""Predicts how many items per second a workqueue passes on many CPUs, from counts that do not depend on the machine.

tools/scale.py calls main.py. A module in this list imports only modules of its own line and of those above:

  formula      the model: a lock and a cache line as servers, and the items per second that follow
  counts       what an item costs: instructions, wakeups and transfers of cache lines, as make icount and others counted
  published    figures that others have published, from published.toml
  fit          a machine's two parameters from one row of figures, and what they predict for the others
  report       the tables
  plot         the plots, which need matplotlib
"""
