# SPDX-License-Identifier: GPL-2.0
"""Tests how the scripts that inspect a kernel refuse bad input. They must print one line on stderr that says what to
do, nothing on stdout and no traceback, and exit with status 1. After Ctrl-C, or if the reader of their output goes
away, they must print no line at all."""

import os
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

from base.common import output_of
from looks import dump, monitor
from machines import guest

SCRIPTS = (dump.SCRIPT, monitor.SCRIPT)
# A member that both scripts need, and one that no version of the module has.
MEMBER, OTHER = b"\0progress_at\0", b"\0progress_xx\0"
# What the scripts must say in the guest, where job-states.sh runs them before the module is loaded.
INSIDE = {"not-loaded": "module cmwq2 is not loaded", "no-symbols": "drgn -s vmlinux", "nobody": "root"}
# Cases in which drgn fails before the script begins, with its own message of two lines.
TWO_LINES = ("nobody",)
# Sends SIGINT after some CPU time, wherever the script is then. The parent may have left SIGINT ignored.
INTERRUPTED = """
import runpy, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGPROF, lambda *_: signal.raise_signal(signal.SIGINT))
sys.argv = sys.argv[1:]
signal.setitimer(signal.ITIMER_PROF, float(sys.argv.pop(0)))
runpy.run_path(sys.argv[0], {"prog": prog}, "__main__")
"""
SECONDS = 0.3
# The exit statuses of tools/cli.py.
INTERRUPTED_STATUS, READER_GONE = 130, 141


def wrong(what: str, status: int, out: str, err: str, word: str) -> list:
    """Return what is wrong with the way in which a script refused."""
    lines = err.strip().splitlines()
    if status == 1 and not out and len(lines) == 1 and word in lines[0]:
        return []
    return [f"{what}: status {status}, {len(out)} characters, {lines[-3:]}"]


def refused(run: guest.Run, where: list, symbols: list, word: str, scripts: Iterable[Path] = SCRIPTS) -> list:
    """Return what is wrong with the way in which @scripts refuse to look @where with @symbols. They must say @word."""
    found = []
    for script in scripts:
        done = dump.drgn_try(where, run, symbols, script)
        what = f"{script.name} {where[0]} {' '.join(path.name for path in symbols)}"
        found += wrong(what, done.returncode, done.stdout, done.stderr, word)
        with open(run.home / "refused", "a", encoding="utf-8") as file:
            file.write(done.stderr)
    return found


def refused_inside(results: Path) -> list:
    """Return what is wrong with the way in which the scripts refused in the guest."""
    found = []
    for name, word in INSIDE.items():
        path = results / "inside/refused" / name
        status, _, rest = path.read_text().partition("\n") if path.exists() else ("none", "", "")
        out, _, err = rest.partition("stderr:\n")
        if name in TWO_LINES and "Traceback" not in err:
            err = " ".join(err.splitlines())
        found += wrong(f"wq_dump.py in the guest, {name}", int(status) if status.isdigit() else -1, out, err, word)
    return found


def _with(origin: Path, target: Path, old: bytes, new: bytes) -> Path:
    content = origin.read_bytes()
    assert old in content and len(old) == len(new)
    target.write_bytes(content.replace(old, new))
    return target


def _of_another_build(origin: Path, home: Path) -> Path:
    """Return a copy of the file @origin with another build ID."""
    match = re.search(r"Build ID: (\w+)", output_of(["readelf", "-n", origin]))
    assert match
    number = bytes.fromhex(match[1])
    return _with(origin, home / f"other-{origin.name}", number, number[::-1])


def mismatched(run: guest.Run, where: list, symbols: list) -> list:
    """Test debug info of another kernel, of another module, and of this module with other types in it."""
    vmlinux, module = symbols
    others = {"vmlinux": _of_another_build(vmlinux, run.home), "module": _of_another_build(module, run.home),
              "types": _with(module, run.home / "types-cmwq2.ko", MEMBER, OTHER)}
    found = refused(run, where, [others["vmlinux"], module], "drgn -s vmlinux")
    found += refused(run, where, [vmlinux, others["module"]], "drgn -s cmwq2.ko")
    found += refused(run, where, [vmlinux, others["types"]], "no member progress_at in struct cmwq2_pool")
    for path in others.values():
        path.unlink()
    return found


def ended(run: guest.Run, where: list, symbols: list) -> list:
    """Test an early end of the scripts: the reader of the output goes away, or Ctrl-C, for which a look must take
    long enough."""
    found = []
    for script in (dump.SCRIPT, monitor.SCRIPT):
        reader, writer = os.pipe()
        os.close(reader)
        done = dump.drgn_try(where, run, symbols, script, stdout=writer)
        os.close(writer)
        found += _end(f"{script.name} into a closed pipe", done, READER_GONE)
    home = run.home / "interrupted.py"
    home.write_text(INTERRUPTED)
    for script in (dump.SCRIPT, monitor.SCRIPT):
        done = dump.drgn_try(where, run, symbols, home, str(SECONDS), str(script))
        found += _end(f"{script.name} interrupted after {SECONDS} s", done, INTERRUPTED_STATUS)
    return found


def _end(what: str, done: subprocess.CompletedProcess, status: int) -> list:
    """Return what is wrong unless the script ended with @status and an empty stderr."""
    if (done.returncode, done.stderr) == (status, ""):
        return []
    return [f"{what}: status {done.returncode}, {done.stderr[-200:]}"]
