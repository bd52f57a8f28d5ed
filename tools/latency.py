# SPDX-License-Identifier: GPL-2.0
"""
Shows cmwq2's latency histograms in a drgn session: see wq/latency.py.

    >>> import latency
    >>> print(latency.show(prog))
    >>> print(latency.show(prog, "cmwq2_bench*"))
"""

from wq.latency import collect, show, show_tables

__all__ = ["collect", "show", "show_tables"]
