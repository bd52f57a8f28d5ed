# SPDX-License-Identifier: GPL-2.0
"""Collects the items on a list, and delayed items."""

from __future__ import annotations

from typing import Any

from wq.clock import jiffies_between
from wq.context import Context, maybe
from wq.drgn_names import FaultError
from wq.engine import note_gap
from wq.memory import Work, read_posted, read_works
from wq.names import func_module, func_name, wq_name
from wq.walks import for_each_delayed_work


def collect_items(ctx: Context, head: Any, what: str) -> dict[str, Any]:
    """Return the items of a list and their number, which excludes barriers and cursors."""
    known = len(ctx.gaps)
    works = read_works(head, ctx.engine, what, ctx.gaps, ctx.first)
    return describe_items(ctx, works, len(ctx.gaps) == known)


def collect_posted(ctx: Context, pool: Any) -> dict[str, Any]:
    """Return the items in the inbox of a pool, which are on no list yet. Most engines have no inbox."""
    known, inbox = len(ctx.gaps), maybe(pool, "inbox")
    works = [] if inbox is None else read_posted(inbox, ctx.engine, f"pool {pool.id.value_()}: inbox", ctx.gaps)
    return describe_items(ctx, works, len(ctx.gaps) == known)


def describe_items(ctx: Context, works: list[Work], complete: bool) -> dict[str, Any]:
    """Return @works as a list in the form that a dump has. @complete: the whole list was read."""
    shown = works[: ctx.max_items] if ctx.max_items else works
    items = [describe_item(ctx, work) for work in shown]
    kinds = ctx.kinds
    return {
        "count": sum(1 for work in works if work.func not in kinds),
        "complete": complete,
        "items": items,
        "omitted": len(works) - len(shown),
        "cursors": [
            {"queue": ctx.queue_of(ctx.word.pwq(work.address, work.data, "cursor"))[0],
             "index": index, "behind": len(works) - index - 1}
            for index, work in enumerate(works)
            if kinds.get(work.func) == "cursor"
        ],
    }


def describe_item(ctx: Context, work: Work) -> dict[str, Any]:
    """Return an item in the form that a dump has. A value that is not known is None."""
    kind = ctx.kinds.get(work.func, "item")
    pwq = ctx.word.pwq(work.address, work.data, kind)
    known = kind != "cursor" and ctx.stamp_bits
    return {
        "address": hex(work.address),
        "kind": kind,
        "func": func_name(ctx.prog, work.func),
        "module": func_module(ctx.prog, work.func),
        "queue": ctx.queue_of(pwq)[0],
        "age_ms": age_ms(ctx, work.queued_at) if known and work.queued_at is not None else None,
        "color": ctx.word.color(work.data) if pwq and kind == "item" else None,
        "linked": ctx.word.linked(work.data),
    }


def age_ms(ctx: Context, stamp: int) -> int:
    """Return the age of an item's stamp, which may hold only the lower half of the jiffies."""
    now = ctx.clock.now() & (1 << ctx.stamp_bits) - 1
    return jiffies_between(stamp, now, ctx.stamp_bits) * 1000 // ctx.clock.hz


def collect_delayed(ctx: Context) -> list[dict[str, Any]] | None:
    """Return the delayed items whose timer is pending, or None if the timers cannot be found."""
    found = []
    try:
        for cpu, dwork in for_each_delayed_work(ctx.prog, ctx.gaps, ctx.engine):
            try:
                found.append(describe_delayed(ctx, cpu, dwork))
            except FaultError:
                note_gap(ctx.gaps, f"timers of CPU {cpu}: one went away")
    except (LookupError, AttributeError):
        note_gap(ctx.gaps, "delayed items: no debug info of the kernel's timers")
        return None
    return sorted(found, key=lambda item: item["due_ms"])


def describe_delayed(ctx: Context, cpu: int, dwork: Any) -> dict[str, Any]:
    """Return a delayed item whose timer is pending on @cpu. Its due_ms is negative if its delay is over."""
    func = dwork.work.func.value_()
    bits = ctx.clock.bits
    left = dwork.timer.expires.value_() - ctx.clock.now() & (1 << bits) - 1
    left -= (left >> bits - 1) << bits
    target = dwork.cpu.value_()
    return {
        "address": hex(dwork),
        "func": func_name(ctx.prog, func),
        "module": func_module(ctx.prog, func),
        "queue": wq_name(dwork.wq) if dwork.wq else None,
        "cpu": cpu,
        "offline": cpu not in ctx.online,
        "target_cpu": target if target in ctx.cpus else None,
        "due_ms": left * 1000 // ctx.clock.hz,
    }
