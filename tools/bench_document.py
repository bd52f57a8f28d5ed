# SPDX-License-Identifier: GPL-2.0
"""What a set of benchmarks leaves: its document, which is read whole or not at all, and written whole or not at all.

It has these keys:

  schema       "cmwq2-bench-set", and schema_version
  vehicle      uml, x86 or host; accelerator, what executed it; host, the CPU of the machine below
  kernel       release; config, a hash of its configuration, or null
  cpus         online where it ran
  seed         that the seeds of the runs were made from
  conditions   a list of sentences: what makes the figures worth less than they could be
  runs         a list of what bench_report.parse() makes of each result, with title
  missing      a list of runs that could not be made: title and reason
"""

import gzip
import hashlib
import os
from pathlib import Path
from typing import Any, Optional, Sequence

import bench_report
import cli

SCHEMA, SCHEMA_VERSION = "cmwq2-bench-set", 1

# What a difference between two documents makes worthless. Kernels may differ: that is what is compared.
SAME = ("vehicle", "accelerator", "host", "cpus")
# The same of a run, beside its settings.
SAME_RUN = ("workload", "queue", "scope", "mem_reclaim", "hook", "clock")
RUN_KEYS = (("title", str), ("header", dict), ("engines", list), ("rounds", list), ("compared", list))


class SetError(cli.Error):
    """What cannot be used, in one line."""


def document(where: dict, seed: int, runs: list, missing: list, conditions: Sequence[str] = ()) -> dict:
    """A set's document; @where has vehicle, accelerator, host, kernel, config."""
    return {"schema": SCHEMA, "schema_version": SCHEMA_VERSION, **where,
            "cpus": runs[0]["header"]["cpus"] if runs else None, "seed": seed, "conditions": list(conditions),
            "runs": runs, "missing": missing}


def config_text(path: Path) -> Optional[str]:
    """A kernel's configuration, plain or packed; None if it cannot be read."""
    try:
        data = path.read_bytes()
        return (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8", errors="replace")
    except (OSError, EOFError):
        return None


def config_hash(text: Optional[str]) -> Optional[str]:
    """Twelve digits for what is switched on in a configuration, None if there is none."""
    if text is None:
        return None
    lines = sorted(line for line in text.splitlines() if line.startswith("CONFIG_"))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


def host_cpu() -> str:
    """The CPU of this machine."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return os.uname().machine


def read(path: Path) -> dict:
    """A set's document out of a file, whole or not at all."""
    try:
        found = cli.read_json(str(path), "a whole JSON document")
    except cli.Error as error:
        raise SetError(str(error)) from None
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        raise SetError(f"{path}: not the report of a set of benchmarks")
    if found.get("schema_version") != SCHEMA_VERSION:
        raise SetError(f"{path}: schema_version {found.get('schema_version')}, this program knows {SCHEMA_VERSION}")
    for key in (*SAME, "kernel", "config", "seed"):
        if key not in found:
            raise SetError(f"{path}: has no {key}")
    if not isinstance(found.get("runs"), list) or not found["runs"]:
        raise SetError(f"{path}: has no runs")
    for number, run in enumerate(found["runs"]):
        _check_run(run, f"{path}: run {number}")
    _check_missing(found, path)
    return found


def _check_run(run: Any, where: str) -> None:
    """All rounds of all engines: part of a run is none."""
    for key, kind in RUN_KEYS:
        if not isinstance(run, dict) or not isinstance(run.get(key), kind):
            raise SetError(f"{where} has no {key}")
    try:
        if len(run["engines"]) != len(run["header"]["engines"]):
            raise SetError(f"{where} does not hold what its list of engines says")
        bench_report.check_rounds(run["header"], run["rounds"])
    except bench_report.ResultError as error:
        raise SetError(f"{where}: {error}") from None
    except (KeyError, TypeError) as error:
        raise SetError(f"{where} is damaged: {type(error).__name__} {error}") from None


def _check_missing(found: dict, path: Path) -> None:
    missing = found.get("missing")
    if not isinstance(missing, list) or any(not isinstance(each, dict) or set(each) < {"title", "reason"}
                                            for each in missing):
        raise SetError(f"{path}: does not say which runs are missing")


def run_key(run: dict) -> tuple:
    """What two runs must have in common to be runs of the same thing."""
    header = run["header"]
    return tuple((key, header.get(key)) for key in (*SAME_RUN, *header["settings"]))


def obstacles(one: dict, other: dict) -> list:
    """Why figures of two sets do not belong side by side; nothing if they do."""
    found = [f"{key} {one[key]} and {other[key]}" for key in SAME if one[key] != other[key]]
    if one["kernel"] == other["kernel"] and one["config"] != other["config"]:
        found.append(f"config {one['config']} and {other['config']} of the same kernel")
    common = {run_key(run) for run in one["runs"]} & {run_key(run) for run in other["runs"]}
    if not common:
        found.append("no run with the same workload, settings, hook and clock in both")
    return found


def values_of(run: dict, engine: str, figure: str) -> list:
    """Round by round, of the first engine of that name."""
    return bench_report.values_of(run["rounds"], run["header"]["engines"].index(engine), figure)


def cautions(found: dict) -> list:
    """What makes the figures worth less, as sentences."""
    return [f"Caution: {text}." for text in found.get("conditions", ())]


def where_text(found: dict) -> str:
    """What a set's figures are of."""
    accelerator = f" ({found['accelerator']})" if found["accelerator"] else ""
    return (f"{found['vehicle']}{accelerator} on {found['host']}, kernel {found['kernel']}, configuration "
            f"{found['config'] or 'unknown'}, {found['cpus']} CPUs, seed {found['seed']}")
