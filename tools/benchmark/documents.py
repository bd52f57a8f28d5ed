# SPDX-License-Identifier: GPL-2.0
"""The document with the results of a set of benchmarks. It is read and written completely or not at all.

It has these keys:

  schema       "cmwq2-bench-set", and schema_version
  version      of the cmwq2 whose tools made it, or "unknown"
  made         when the set was at its end, in UTC, such as 2026-11-29T18:30:00Z
  commit       of the checkout of cmwq2, with -dirty if its files differ from it, or null; kernel_commit: that of the
               kernel tree in KERNEL_SRC=, or null. Reports of older versions have none of the three
  vehicle      uml, x86 or host; accelerator: what executed the guest; host: the CPU of the physical machine
  machine      a hash that tells the physical machine from others, or null; boot_id: one that tells its boot from others
               if the vehicle is host, otherwise null. Reports of older versions have neither
  kernel       its release; config: a hash of its configuration, or null
  cpus         number of CPUs online where the set ran
  seed         the seeds of the runs were derived from it
  conditions   a list of sentences about conditions that reduce the value of the figures
  runs         a list of the documents that results.parse() makes of the results, each with a title; host, what
               quiet.py measured during the run; and, if the host was busy with something else, disturbed, a list of
               reasons
  missing      a list of runs that could not be made, each with title and reason
  disturbed    a list of runs that were disturbed and made again, like those of runs; no figure contains them

boots.py describes the document of a set that was run in several boots.
"""

import gzip
import hashlib
import hmac
import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

import cli
from benchmark import results

SCHEMA, SCHEMA_VERSION = "cmwq2-bench-set", 1

# Documents can be compared only if these keys agree. The kernels may differ, because they are what is compared.
SAME = ("vehicle", "accelerator", "host", "cpus")
# Runs can be compared only if these keys of their headers and their settings agree.
SAME_RUN = ("workload", "queue", "scope", "mem_reclaim", "hook", "clock")
CHECKOUT = Path(__file__).resolve().parents[2]
# Their content tells one machine from another, and one boot from another.
MACHINE_ID, BOOT_ID = Path("/etc/machine-id"), Path("/proc/sys/kernel/random/boot_id")
RUN_KEYS = (("title", str), ("header", dict), ("engines", list), ("rounds", list), ("compared", list))


class SetError(cli.Error):
    """A problem with a set or its settings, described in one line."""


def document(where: dict, seed: int, runs: list, missing: list, conditions: Sequence[str] = (),
             disturbed: Sequence[dict] = ()) -> dict:
    """Return the document of a set. @where has vehicle, accelerator, host, machine, boot_id, kernel, config, and
    kernel_commit if the kernel is of a tree of the user."""
    return {"schema": SCHEMA, "schema_version": SCHEMA_VERSION, "version": cli.version(),
            "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "commit": own_commit(), "kernel_commit": None,
            **where,
            "cpus": runs[0]["header"]["cpus"] if runs else None, "seed": seed, "conditions": list(conditions),
            "runs": runs, "missing": missing, "disturbed": list(disturbed)}


def config_text(path: Path) -> Optional[str]:
    """Return a kernel's configuration from a file, which may be compressed, or None if it cannot be read."""
    try:
        data = path.read_bytes()
        return (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8", errors="replace")
    except (OSError, EOFError):
        return None


def config_hash(text: Optional[str]) -> Optional[str]:
    """Return a hash of twelve digits of the options that are set in a configuration, or None if there is none."""
    if text is None:
        return None
    lines = sorted(line for line in text.splitlines() if line.startswith("CONFIG_"))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


def host_cpu() -> str:
    """Return the name of this machine's CPU."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return os.uname().machine


def _hidden(path: Path, more: str = "") -> Optional[str]:
    """Return a hash of the content of file @path and of the text @more, as twelve digits. Return None if the file is
    empty or cannot be read. The content is the key of the hash, because machine-id(5) asks not to publish it."""
    try:
        content = path.read_bytes().strip()
    except OSError:
        return None
    return hmac.new(content, f"cmwq2-bench {more}".encode(), hashlib.sha256).hexdigest()[:12] if content else None


def machine_id(path: Path = MACHINE_ID) -> Optional[str]:
    """Return twelve digits that tell this machine from others, or None if it has no machine-id. The machine's name
    counts as well, because machines that were installed from one image may have the same machine-id."""
    return _hidden(path, os.uname().nodename)


def boot_id(path: Path = BOOT_ID) -> Optional[str]:
    """Return twelve digits that tell this boot of the machine from others, or None if the kernel does not say."""
    return _hidden(path)


def commit(tree: Path) -> Optional[str]:
    """Return the commit that is checked out in the directory @tree, with -dirty if its files differ from it, or None if
    git does not know one."""
    try:
        done = subprocess.run(["git", "-C", tree, "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"],
                              capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() or None if not done.returncode else None


def own_commit() -> Optional[str]:
    """Return the commit of the checkout that this file is in, or None if it was installed."""
    return commit(CHECKOUT) if (CHECKOUT / "include/cmwq2/version.h").is_file() else None


def load(path: Path) -> Any:
    """Return the content of a JSON file. Raises SetError if it is not complete."""
    try:
        return cli.read_json(str(path), "a whole JSON document")
    except cli.Error as error:
        raise SetError(str(error)) from None


def check(found: Any, where: str) -> None:
    """Raise SetError unless @found is the complete document of a set. @where is the name that the user knows."""
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        raise SetError(f"{where}: not the report of a set of benchmarks")
    if found.get("schema_version") != SCHEMA_VERSION:
        raise SetError(f"{where}: schema_version {found.get('schema_version')}, this program knows {SCHEMA_VERSION}")
    for key in (*SAME, "kernel", "config", "seed"):
        if key not in found:
            raise SetError(f"{where}: has no {key}")
    if not isinstance(found.get("runs"), list) or not found["runs"]:
        raise SetError(f"{where}: has no runs")
    for number, run in enumerate(found["runs"]):
        _check_run(run, f"{where}: run {number}")
    _check_missing(found, where)


def _check_run(run: Any, where: str) -> None:
    """Raise SetError unless a run has all rounds of all engines. A part of a run does not count."""
    for key, kind in RUN_KEYS:
        if not isinstance(run, dict) or not isinstance(run.get(key), kind):
            raise SetError(f"{where} has no {key}")
    try:
        if len(run["engines"]) != len(run["header"]["engines"]):
            raise SetError(f"{where} does not hold what its list of engines says")
        results.check_rounds(run["header"], run["rounds"])
    except results.ResultError as error:
        raise SetError(f"{where}: {error}") from None
    except (KeyError, TypeError) as error:
        raise SetError(f"{where} is damaged: {type(error).__name__} {error}") from None


def _check_missing(found: dict, where: str) -> None:
    disturbed, missing = found.get("disturbed", []), found.get("missing")
    for number, run in enumerate(disturbed if isinstance(disturbed, list) else [None]):
        _check_run(run, f"{where}: disturbed run {number}")
    if not isinstance(missing, list) or any(not isinstance(each, dict) or set(each) < {"title", "reason"}
                                            for each in missing):
        raise SetError(f"{where}: does not say which runs are missing")


def run_key(run: dict) -> tuple:
    """Return the values that two runs must have in common to be comparable."""
    header = run["header"]
    return tuple((key, header.get(key)) for key in (*SAME_RUN, *header["settings"]))


def obstacles(one: dict, other: dict) -> list:
    """Return reasons why the figures of two sets cannot be compared, or [] if they can."""
    found = [f"{key} {one[key]} and {other[key]}" for key in SAME if one[key] != other[key]]
    if one["kernel"] == other["kernel"] and one["config"] != other["config"]:
        found.append(f"config {one['config']} and {other['config']} of the same kernel")
    common = {run_key(run) for run in one["runs"]} & {run_key(run) for run in other["runs"]}
    if not common:
        found.append("no run with the same workload, settings, hook and clock in both")
    return found


def values_of(run: dict, engine: str, figure: str) -> list:
    """Return the values of a figure round by round, for the first engine of that name."""
    return results.values_of(run["rounds"], run["header"]["engines"].index(engine), figure)


def cautions(found: dict) -> list:
    """Return sentences about conditions that reduce the value of the figures."""
    return [f"Caution: {text}." for text in found.get("conditions", ())]


def disturbed_text(found: dict) -> list:
    """Return a sentence that names the runs whose figures are disturbed, or []."""
    titles = [run["title"] for run in found["runs"] if run.get("disturbed")]
    return [f"Caution: the machine was busy with something else during {', '.join(titles)}."] if titles else []


def where_text(found: dict) -> str:
    """Return where a set's figures come from."""
    accelerator = f" ({found['accelerator']})" if found["accelerator"] else ""
    trees = "".join(f", {name} {found[key]}" for key, name in (("commit", "cmwq2"), ("kernel_commit", "kernel tree"))
                    if found.get(key))
    made = f", {found['made'][:10]}" if found.get("made") else ""
    return (f"{found['vehicle']}{accelerator} on {found['host']}, kernel {found['kernel']}, configuration "
            f"{found['config'] or 'unknown'}, {found['cpus']} CPUs, seed {found['seed']}{trees}{made}")
