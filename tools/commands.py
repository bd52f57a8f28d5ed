# SPDX-License-Identifier: GPL-2.0
"""The commands of the installed package. Each function runs one of them and exits. pyproject.toml names them."""

from typing import Any, NoReturn

import cli

# What the globals of a script have in place of these, if it is started by its own name.
_BY_NAME: dict[str, Any] = {"__name__": "__main__"}


def wq_dump() -> NoReturn:
    """Run wq-dump: show what pools, workers, items and workqueues are doing."""
    cli.guard_imports()
    from wq import dump
    dump.main(_BY_NAME)


def wq_monitor() -> NoReturn:
    """Run wq-monitor: show again and again what workqueues and pools do."""
    cli.guard_imports()
    from wq import monitor
    monitor.main(_BY_NAME)


def wq_bench() -> NoReturn:
    """Run wq-bench: run benchmarks, and work with their reports."""
    cli.guard_imports()
    from benchmark import main
    main.program()


def wq_bench_report() -> NoReturn:
    """Run wq-bench-report: print a result of cmwq2_bench as a table."""
    cli.guard_imports()
    from benchmark import results
    results.program()
