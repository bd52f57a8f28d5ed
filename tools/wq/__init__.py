# SPDX-License-Identifier: GPL-2.0
"""Looks at the workqueues of a kernel with drgn: cmwq2's, or the kernel's own.

tools/wq_dump.py calls dump.py, tools/wq_monitor.py calls monitor.py, and tools/check_dump.py calls check.py, which
checks a dump that wq_dump.py made. In a drgn session, import the functions from tools/cmwq2.py and tools/latency.py.
The modules, the lowest first:

  drgn_names, engine         names that all other modules use: those of drgn, and of the types and lists of both engines
  names, clock, flags        single values: symbols, time stamps, flags
  lists, memory              lists that change while they are read, and structs that are read in one piece
  walks, state               loops over all pools, workers, items and queues, and the state of each
  program, script            whether the program has an engine to look at; how drgn starts a script
  context, items, pools, queues, collect     a dump: the whole state of an engine, as JSON
  verdict                    why items of a dump wait
  idle, show, choose, diff   a dump without what is idle, as text, a part of it, and the changes between two dumps
  prometheus                 counters in the text format of Prometheus
  latency                    histograms of how long items wait and run
  dump, monitor, check       the commands
"""
