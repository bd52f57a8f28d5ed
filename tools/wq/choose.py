# SPDX-License-Identifier: GPL-2.0
"""Reduces a dump to the parts that the options of wq_dump.py select."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

import cli
from wq.show import item_lists


def matches(name: str | None, globs: list[str] | None) -> bool:
    """Return whether a name matches one of an option's patterns, or the option was not given."""
    return not globs or any(fnmatchcase(name or "", glob) for glob in globs)


def must_be_there(args: argparse.Namespace, pools: Iterable[int], queues: Iterable[str]) -> None:
    """
    Raise an error if a pool or queue that the options name does not exist. An empty
    answer would look as if all were well.
    """
    there = set(pools)
    missing = [number for number in args.pool or [] if number not in there]
    if missing:
        raise cli.Error(f"there is no pool {missing[0]}; there are "
                        f"{', '.join(map(str, sorted(there))) or 'none'}")
    names = list(queues)
    for glob in args.queue or []:
        if not any(fnmatchcase(name, glob) for name in names):
            raise cli.Error(f"no workqueue has a name like {glob}")


def check_choice(dump: dict[str, Any], args: argparse.Namespace) -> None:
    """Like :func:`must_be_there`, for the pools and queues of a dump."""
    must_be_there(args, (pool["id"] for pool in dump["pools"]),
                  (wq["name"] for wq in dump["workqueues"]))


def choose(dump: dict[str, Any], args: argparse.Namespace) -> dict[str, Any]:
    """Remove from a dump everything that the options do not select. Return the dump."""
    if args.pool:
        dump["pools"] = [p for p in dump["pools"] if p["id"] in args.pool]
        for wq in dump["workqueues"]:
            wq["pwqs"] = [pwq for pwq in wq["pwqs"] if pwq["pool"] in args.pool]
    if args.queue:
        dump["workqueues"] = [w for w in dump["workqueues"] if matches(w["name"], args.queue)]
    if args.queue or args.func or args.age:
        choose_items(dump, args)
    if args.top:
        keep_oldest(dump, args.top)
    limit_items(dump, args.items)
    return dump


def choose_items(dump: dict[str, Any], args: argparse.Namespace) -> None:
    """Keep only matching items and workers, and remove pools that have nothing left to show."""
    def wanted(thing: dict[str, Any], age: int | None) -> bool:
        return (
            matches(thing["queue"], args.queue)
            and matches(thing["func"], args.func)
            and (not args.age or (age is not None and age >= args.age))
        )

    for _, _, listed in item_lists(dump):
        listed["items"] = [i for i in listed["items"] if wanted(i, i["age_ms"])]
    for pool in dump["pools"]:
        pool["workers"] = [w for w in pool["workers"]
                           if w["scheduled"]["items"] or (w["func"] and wanted(w, w["for_ms"]))]
    ids = {pwq["pool"] for wq in dump["workqueues"] for pwq in wq["pwqs"]
           if pwq["inactive"]["items"]}
    dump["pools"] = [p for p in dump["pools"]
                     if p["workers"] or p["worklist"]["items"] or p["inbox"]["items"] or p["id"] in ids]
    if dump["delayed"] is not None:
        dump["delayed"] = [i for i in dump["delayed"] if wanted(i, max(0, -i["due_ms"]))]


def keep_oldest(dump: dict[str, Any], count: int) -> None:
    """Keep only the @count oldest items of a dump."""
    ages = [(i["age_ms"], i["address"]) for _, _, one in item_lists(dump) for i in one["items"]
            if i["age_ms"] is not None]
    kept = {address for _, address in sorted(ages, reverse=True)[:count]}
    for _, _, listed in item_lists(dump):
        listed["items"] = [i for i in listed["items"] if i["address"] in kept]


def limit_items(dump: dict[str, Any], limit: int) -> None:
    """Keep at most @limit items of each list, 0: all. The number of the others is added to the list's "omitted"."""
    for _, _, listed in item_lists(dump):
        if limit and len(listed["items"]) > limit:
            listed["omitted"] += len(listed["items"]) - limit
            listed["items"] = listed["items"][:limit]
