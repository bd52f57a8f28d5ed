# SPDX-License-Identifier: GPL-2.0
"""Removes what is idle from a dump, which on most machines is nearly everything."""

from __future__ import annotations

from typing import Any, NamedTuple


class Hidden(NamedTuple):
    """How many pools, workers, workqueues and delayed items of a dump are not shown, because they are idle, or because
    their delay is not over."""

    pools: int = 0
    workers: int = 0
    queues: int = 0
    delayed: int = 0


def pool_is_idle(pool: dict[str, Any]) -> bool:
    """Return whether a pool has no items, and only workers that are idle and were not picked."""
    return not (pool["worklist"]["count"] or pool["inbox"]["count"] or pool["nr_kicked"] or pool["manager_pid"]) \
        and all(worker["state"] == "idle" for worker in pool["workers"])


def queue_is_idle(wq: dict[str, Any]) -> bool:
    """Return whether nothing is pending or runs on a workqueue, and nobody waits for it."""
    rescuer = wq["rescuer"] or {}
    return not (wq["nr_active"] or wq["nr_inactive"] or wq["nr_in_flight"] or wq["flushers"] or wq["nr_drainers"]
                or wq["mayday_pools"] or rescuer.get("func"))


def without_idle(dump: dict[str, Any], pools: bool = True, queues: bool = True) -> Hidden:
    """
    Remove from a dump what is idle, and return how much that is.

    :param pools: also remove idle pools, and idle workers of the others
    :param queues: also remove idle workqueues, and delayed items whose delay is not over
    """
    before = _sizes(dump)
    if pools:
        dump["pools"] = [pool for pool in dump["pools"] if not pool_is_idle(pool)]
        for pool in dump["pools"]:
            pool["workers"] = [worker for worker in pool["workers"] if worker["state"] != "idle"]
    if queues:
        dump["workqueues"] = [wq for wq in dump["workqueues"] if not queue_is_idle(wq)]
        if dump["delayed"] is not None:
            dump["delayed"] = [item for item in dump["delayed"] if item["offline"] or item["due_ms"] < 0]
    return Hidden(*(old - new for old, new in zip(before, _sizes(dump))))


def _sizes(dump: dict[str, Any]) -> Hidden:
    return Hidden(len(dump["pools"]), sum(len(pool["workers"]) for pool in dump["pools"]), len(dump["workqueues"]),
                  len(dump["delayed"] or []))
