# SPDX-License-Identifier: GPL-2.0
"""What wq_monitor.py has collected, in the text format of Prometheus, for the textfile collector of node_exporter.

Nothing here looks at a kernel. Documentation/monitoring.rst lists the metrics. Two things differ from the JSON:

* The series of a queue has its name and not its address. So queues of the same name are summed, because a series may
  occur only once.
* Counters never fall. Those of the kernel do when a pwq is released and its share is gone from the sum of its queue.
  Prometheus takes a fall for a restart at 0, and would count everything again. advance() adds up what was added in each
  interval instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import cli

Record = dict[str, Any]
# What was collected, by the labels of the series: a queue is ("workqueues", name), a pool ("pools", id, cpu).
Series = dict[tuple, Record]
MICROSECONDS = 1e-6


@dataclass(frozen=True)
class Metric:
    """
    One metric.

    :param name: its name, which follows the naming rules of Prometheus
    :param key: what wq_monitor.py calls it
    :param help: what it counts, without a newline
    :param unit: what a value is multiplied by; 1 for numbers that are not times
    """

    name: str
    key: str
    help: str
    unit: float = 1

    @property
    def kind(self) -> str:
        """The type: a name that ends in _total is a counter."""
        return "counter" if self.name.endswith("_total") else "gauge"


QUEUE = (
    Metric("wq_items_started_total", "started", "Items whose function was called."),
    Metric("wq_items_completed_total", "completed", "Items whose function returned."),
    Metric("wq_items_in_flight", "in_flight", "Items that are pending or run."),
    Metric("wq_items_refused_total", "refused", "Items refused because the queue was draining or being destroyed."),
    Metric("wq_cpu_seconds_total", "cpu_time", "CPU time in items, sampled by the tick.", MICROSECONDS),
    Metric("wq_cpu_intensive_total", "cpu_intensive", "Items that were found to be CPU intensive."),
    Metric("wq_wakeups_total", "cm_wakeup", "Workers woken because the last running one blocked."),
    Metric("wq_repatriated_total", "repatriated", "Times a worker was moved back into its pod."),
    Metric("wq_maydays_total", "mayday", "Calls for the rescuer."),
    Metric("wq_rescued_total", "rescued", "Items that the rescuer ran."),
    Metric("wq_rescuer_batches_total", "batches", "Visits of the rescuer to a pool with something to run."),
    Metric("wq_rescuer_relapses_total", "relapses", "Times the rescuer left a pool that was still in need."),
)
POOL = (
    Metric("wq_pool_workers", "nr_workers", "Workers alive."),
    Metric("wq_pool_workers_idle", "nr_idle", "Idle workers."),
    Metric("wq_pool_workers_running", "nr_running", "Workers that concurrency management counts as running."),
    Metric("wq_pool_items_in_flight", "in_flight", "Items that are pending or run in the pool."),
    Metric("wq_pool_items_started_total", "started", "Items whose function was called in the pool."),
    Metric("wq_pool_cpu_seconds_total", "cpu_time", "CPU time in items of the pool, sampled by the tick.",
           MICROSECONDS),
    Metric("wq_pool_kicks_total", "kicks", "Times a worker was picked to be woken."),
    Metric("wq_pool_kicks_coalesced_total", "coalesced", "Kicks whose worker had been picked and had not run since."),
    Metric("wq_pool_woken_total", "woken", "Times a worker woke up from its sleep on the idle list."),
    Metric("wq_pool_woken_in_vain_total", "in_vain", "Wakeups after which the worker found no item."),
    Metric("wq_pool_workers_created_total", "created", "Workers created."),
    Metric("wq_pool_workers_culled_total", "culled", "Workers removed for idleness."),
    Metric("wq_pool_blocked_kicks_total", "cm_wakeups", "Kicks because the last running worker blocked or was a hog."),
    Metric("wq_pool_scan_kicks_total", "scan_wakeups", "Kicks for a blocked worker that only the scan noticed."),
    Metric("wq_pool_scan_lost_kicks_total", "scan_lost", "Kicks for a pool whose kick had been lost."),
    Metric("wq_pool_scans_total", "scans", "Times the scan timer looked for blocked workers."),
    Metric("wq_pool_scan_looks_total", "scan_looks", "Workers that all scans looked at."),
    Metric("wq_pool_maydays_total", "maydays", "Calls for rescuers."),
    Metric("wq_pool_stalls_total", "stalls", "Times the watchdog found that items waited and none was taken."),
    Metric("wq_pool_lock_acquired_total", "lock_acquired", "Times the pool's lock was taken, while lock_stat is Y."),
    Metric("wq_pool_lock_contended_total", "lock_contended", "Times the pool's lock was taken after a wait."),
)
GAPS = Metric("wq_look_gaps", "gaps", "Objects that could not be read in the last look.")


def _labels(kind: str, record: Record) -> tuple:
    """Return what tells a record's series from others. Control characters become text here, since the format has no
    escapes for them, and two names may be the same text."""
    if kind == "workqueues":
        return kind, cli.visible(record["name"])
    return kind, record["id"], "any" if record["cpu"] < 0 else str(record["cpu"])


def _add(sums: Record, more: Record, counters: str) -> None:
    """Add the numbers of record @more to @sums, a record without nested ones: the present state, and its @counters."""
    state = {key: value for key, value in more.items() if key in ("in_flight", "nr_workers", "nr_idle", "nr_running")}
    for key, value in {**state, **more[counters]}.items():
        sums[key] = sums.get(key, 0) + value


def series(now: Record, counters: str = "total") -> Series:
    """Return the numbers of a look, as monitor.collect() returns it, by the labels of the series. @counters is "total",
    or "delta" for what monitor.compare() found."""
    found: Series = {}
    for kind in ("workqueues", "pools"):
        for record in now[kind]:
            _add(found.setdefault(_labels(kind, record), {}), record, counters)
    return found


def advance(before: Series, now: Record) -> Series:
    """Return @before, advanced to a look that monitor.compare() has compared with the look before. A counter grows by
    what was added in the interval. What is no counter has its present value. Series that are gone are left out."""
    counted = {metric.key for metric in (*QUEUE, *POOL) if metric.kind == "counter"}
    return {labels: {key: value + before.get(labels, {}).get(key, 0) if key in counted else value
                     for key, value in record.items()}
            for labels, record in series(now, "delta").items()}


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", r"\\").replace('"', r'\"') + '"'


def _sample(metric: Metric, labels: dict[str, str], value: float) -> str:
    inside = ",".join(f"{name}={_quoted(text)}" for name, text in labels.items())
    return f"{metric.name}{{{inside}}} {value if metric.unit == 1 else round(value * metric.unit, 6)!r}"


def _family(metric: Metric, samples: Iterable[str]) -> list[str]:
    """Return the lines of a metric, or [] if it has no sample."""
    lines = list(samples)
    return [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {metric.kind}", *lines] if lines else []


def text(engine: str, found: Series, gaps: int = 0) -> str:
    """
    Return all series in the text format of Prometheus. A counter that this kernel does not have is left out.

    :param engine: the name of the engine, the first label of each series
    :param found: the numbers, as series() or advance() return them
    :param gaps: how many objects could not be read
    """
    queues = sorted((labels[1], record) for labels, record in found.items() if labels[0] == "workqueues")
    pools = sorted((*labels[1:], record) for labels, record in found.items() if labels[0] == "pools")
    lines = []
    for metric in QUEUE:
        lines += _family(metric, (_sample(metric, {"engine": engine, "workqueue": name}, record[metric.key])
                                  for name, record in queues if metric.key in record))
    for metric in POOL:
        lines += _family(metric, (_sample(metric, {"engine": engine, "pool": str(number), "cpu": cpu},
                                          record[metric.key])
                                  for number, cpu, record in pools if metric.key in record))
    lines += _family(GAPS, [_sample(GAPS, {"engine": engine}, gaps)])
    return "\n".join(lines) + "\n"
