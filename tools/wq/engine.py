# SPDX-License-Identifier: LGPL-2.1-or-later
"""The two engines, cmwq2 and the kernel's own: the names of their types, and the errors and gaps of a look at them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Optional

from wq.drgn_names import Object

logger = logging.getLogger("cmwq2")
Gaps = Optional[list[str]]


@dataclass(frozen=True)
class Engine:
    """The names of one engine's types, lists and functions."""

    name: str
    pool: str
    worker: str
    work: str
    pwq: str
    wq: str
    delayed: str
    wqs: str  # the list of all workqueues
    delayed_fn: str
    kinds: dict[str, str]  # functions of entries that are not real items


CMWQ2 = Engine(
    "cmwq2",
    "struct cmwq2_pool",
    "struct cmwq2_worker",
    "struct cmwq2_work",
    "struct cmwq2_pwq",
    "struct cmwq2_wq",
    "struct cmwq2_delayed_work",
    "cmwq2_workqueues",
    "cmwq2_delayed_work_timer_fn",
    {"cmwq2_barrier_func": "barrier", "cmwq2_cursor_func": "cursor"},
)
NATIVE = Engine(
    "native",
    "struct worker_pool",
    "struct worker",
    "struct work_struct",
    "struct pool_workqueue",
    "struct workqueue_struct",
    "struct delayed_work",
    "workqueues",
    "delayed_work_timer_fn",
    {"wq_barrier_func": "barrier", "mayday_cursor_func": "cursor"},
)


def engine_of(obj: Object) -> Engine:
    """Return the engine that a pool, worker, item, pwq or workqueue belongs to."""
    return CMWQ2 if "cmwq2" in obj.type_.type_name() else NATIVE


class Cmwq2Error(Exception):
    """A problem that the user can fix, described in one line."""


def note_gap(gaps: Gaps, text: str) -> None:
    """Record that part of the picture is missing."""
    if gaps is None:
        logger.warning("%s", text)
    elif text not in gaps:
        gaps.append(text)
