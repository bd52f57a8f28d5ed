# SPDX-License-Identifier: GPL-2.0
"""Looks at the workqueues of a kernel with drgn: cmwq2's, or the kernel's own.

tools/wq_dump.py calls dump.py, tools/wq_monitor.py calls monitor.py, and tools/check_dump.py calls check.py, which
judges a dump of the former. In a drgn session tools/cmwq2.py and tools/latency.py offer the functions. From the bottom:

  drgn_names, engine         what all others need: names of drgn, and of the types and lists of both engines
  names, clock, flags        single values: symbols, time stamps, flags
  lists, memory              lists that change while they are read, and structs that are read at once
  walks, state               all pools, workers, items and queues, and what one of them does
  program, script            whether there is an engine to look at; how drgn starts a script
  context, items, pools, queues, collect     a dump: the whole state of an engine, as JSON
  verdict                    why items of a dump wait
  show, choose, diff         a dump as text, a part of it, and what changed between two
  latency                    histograms of how long items wait and run
  dump, monitor, check       the commands
"""
