# SPDX-License-Identifier: GPL-2.0
"""Says what changed between two dumps of one boot."""

from __future__ import annotations

from typing import Any

import cli
from wq.clock import jiffies_between
from wq.collect import SCHEMA
from wq.show import format_ms, item_lists, section, table


def check_comparable(old: dict[str, Any], new: dict[str, Any]) -> None:
    """Raise an error unless both dumps are of one engine and one boot, and old is the older one."""
    for key in ("engine", "kernel", "hz"):
        if old[key] != new[key]:
            raise cli.Error(f"the dumps cannot be compared: {key} is {old[key]} in one and {new[key]} in the other")
    if old["jiffies"] > new["jiffies"]:
        raise cli.Error("the dump given to --diff is the newer one; give it the older one, "
                        "or these dumps are of two boots")
    addresses = [{wq["address"] for wq in dump["workqueues"]} for dump in (old, new)]
    if all(addresses) and not addresses[0] & addresses[1]:
        raise cli.Error("these dumps have no workqueue in common: they are of two boots, "
                        "or the module was loaded anew in between")


def diff(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Return what changed between two dumps of one boot."""
    def changed(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
        return {n: after[n] - before.get(n, 0) for n in after if after[n] != before.get(n, 0)}

    pools = {p["address"]: p for p in old["pools"]}
    wqs = {w["address"]: w for w in old["workqueues"]}
    pids = {w["pid"] for p in old["pools"] for w in p["workers"]}
    now = {w["pid"] for p in new["pools"] for w in p["workers"]}
    before = {(i["address"], i["func"]) for _, _, one in item_lists(old) for i in one["items"]
              if i["kind"] == "item"}
    passed = jiffies_between(old["jiffies"], new["jiffies"]) * 1000 // new["hz"]
    still = [{"address": i["address"], "func": i["func"], "queue": i["queue"],
              "age_ms": i["age_ms"], "where": where, "pool": pool}
             for pool, where, one in item_lists(new) for i in one["items"]
             if (i["address"], i["func"]) in before
             and (i["age_ms"] is None or i["age_ms"] >= passed)]
    return {
        "schema": SCHEMA,
        "passed_ms": passed,
        "pools": [{"id": p["id"], "counters": changed(
            pools.get(p["address"], {}).get("counters", {}), p["counters"])}
            for p in new["pools"]],
        "workqueues": [{"name": w["name"], "new": w["address"] not in wqs, "counters": changed(
            wqs.get(w["address"], {}).get("counters", {}), w["counters"])}
            for w in new["workqueues"]],
        "workqueues_gone": [w["name"] for w in old["workqueues"]
                            if w["address"] not in {n["address"] for n in new["workqueues"]}],
        "workers_new": sorted(p for p in now - pids if p is not None),
        "workers_gone": sorted(p for p in pids - now if p is not None),
        "still_pending": still,
    }


def show_diff(found: dict[str, Any]) -> str:
    """Return the result of diff() as text."""
    def counters(one: dict[str, Any]) -> str:
        return " ".join(f"{name} {value:+}" for name, value in one["counters"].items())

    lines = [f"after {format_ms(found['passed_ms'])}", ""]
    lines += section("Pools", table(">pool changed", (
        [p["id"], counters(p)] for p in found["pools"] if p["counters"])))
    lines += section("Workqueues", table("workqueue changed", (
        [w["name"] + (" (new)" if w["new"] else ""), counters(w)]
        for w in found["workqueues"] if w["counters"] or w["new"])))
    if found["workqueues_gone"]:
        lines += section("Workqueues gone", found["workqueues_gone"])
    for title, key in (("Workers new", "workers_new"), ("Workers gone", "workers_gone")):
        if found[key]:
            lines += section(title, [" ".join(map(str, found[key]))])
    lines += section("Pending then and now", table(">pool where >age function queue", (
        [i["pool"], i["where"], format_ms(i["age_ms"]), i["func"], i["queue"]]
        for i in found["still_pending"])))
    return "\n".join(lines)
