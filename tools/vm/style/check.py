# SPDX-License-Identifier: GPL-2.0
"""`make style`: checks that need no guest. They use the kernel's own tools (checkpatch, kernel-doc, sparse, the
compiler with W=1) and the Python tests. A file that was found clean is not checked again until it changes."""

import fnmatch
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Callable, Optional

from base import alive
from base.common import HERE, OUT, ROOT, jobs, lock, say, shown, write_atomically
from build import kernel, modules, packages
from machines import ktap, results
from style import arrows, lengths, linters, python, tests

CLEAN = OUT / "style" / "clean.json"
COMPAT = "include/cmwq2/compat.h"
REFUSED = "tools/shim/refused.c"

# Types of messages of checkpatch that this project ignores, and why.
IGNORED = {
    "FILE_PATH_CHANGES": "this project is out of tree and has no MAINTAINERS file",
    "CONSTANT_COMPARISON": "checkpatch reports that a constant is compared, but in #if LINUX_VERSION_CODE is one",
    "MACRO_ARG_REUSE": "a macro that initializes a structure uses its argument in several members",
}
DESCRIBED = {"COMPLEX_MACRO": "the macro is a list of entries, and the code that uses the list adds the braces",
             "MACRO_ARG_UNUSED": "each use of the list needs only some of the arguments",
             "TRAILING_SEMICOLON": "the macro makes a whole declaration for each policy of the list"}
# Types of messages ignored in one file only, or in all files of one folder.
IGNORED_IN = {
    "src/lab/policy/": {"COMPLEX_MACRO": DESCRIBED["COMPLEX_MACRO"]},
    "src/lab/choices.c": DESCRIBED,
    "src/look/rules.h": {"COMPLEX_MACRO": "entries of a list, which whoever lists them puts into braces",
                         "MACRO_ARG_UNUSED": "one of several is taken by its place"},
    "src/look/verdict_text.c": {"BRACKET_SPACE": "a designated initialiser in a macro",
                                "MACRO_ARG_UNUSED": "one of several is taken by its place"},
    "src/base/types.h": {"TRAILING_SEMICOLON": DESCRIBED["TRAILING_SEMICOLON"]},
    "kunit/lib/policies.h": DESCRIBED,
    "kunit/suites/cmwq2_wakeup_kunit.c": {"MACRO_ARG_UNUSED": DESCRIBED["MACRO_ARG_UNUSED"]},
    "kunit/suites/cmwq2_interleave_called_kunit.c": {"MACRO_ARG_UNUSED": DESCRIBED["MACRO_ARG_UNUSED"]},
    "kunit/lib/hold.h": DESCRIBED,
    "kunit/fuzz/": DESCRIBED,
    COMPAT: {"LINUX_VERSION_CODE": "this file is the only one that may test for kernel versions",
             "CONST_STRUCT": "older kernels need this structure without const",
             "MACRO_ARG_UNUSED": "the definition for other kernels uses the argument",
             "MACRO_ARG_PRECEDENCE": "the argument is the name of a member, which cannot be in parentheses"},
    "include/trace/events/cmwq2.h": {"OPEN_ENDED_LINE": "all headers of tracepoints have this form",
                                     "PARENTHESIS_ALIGNMENT": "all headers of tracepoints have this form"},
    "include/cmwq2/native.h": {"NEW_TYPEDEFS": "behind the shim, the tags of these structures stand for others"},
    "kunit/suites/cmwq2_misbehave_kunit.c": {"LOCKDEP": "the test leaves a lock held on purpose"},
    "bench/base/types.h": {"COMPLEX_MACRO": DESCRIBED["COMPLEX_MACRO"]},
    "bench/base/numbers.c": {"COMPLEX_MACRO": DESCRIBED["COMPLEX_MACRO"]},
    "bench/control/config.c": {"COMPLEX_MACRO": DESCRIBED["COMPLEX_MACRO"]},
    "kunit/lib/hold.c": {**DESCRIBED,
                         "YIELD": "the two threads share a CPU, and each has to let the other run"},
    "kunit/suites/cmwq2_misuse_kunit.c": {"NR_CPUS": "the test uses CPU numbers that are invalid on every machine"},
    "src/look/oops.c": {"PRINTK_WITHOUT_KERN_LEVEL": "the caller passes the level"},
    "src/lab/stacks.c": {"PRINTK_WITHOUT_KERN_LEVEL": "the caller passes the level"},
    "include/cmwq2/shim.h": {"COMPLEX_MACRO": "the macros stand for names of structures, not for values",
                             "CAMELCASE": "the compiler defines the name _Pragma",
                             "MACRO_ARG_UNUSED": "the macro selects one argument by position",
                             "LONG_LINE": "each reason is one generated line, as in tools/parity.toml"},
    "tools/vm/selftest/selftest.c": {"AVOID_BUG": "the module calls BUG() on purpose, and the harness has to report it",
                                     "VOLATILE": "the compiler must not optimize the faults away",
                                     "MSLEEP": "the fault is that the code sleeps; the time does not matter"},
    "tools/vm/machines/plugin.h": {"AVOID_EXTERNS": "they are QEMU's, and Debian lacks the header"},
    "tools/vm/machines/holdcount.c": {"CAMELCASE": "the name comes from <inttypes.h>"},
    "tools/vm/machines/linecount.c": {"CAMELCASE": "the name comes from <inttypes.h>"},
    "tools/vm/guest/pingpong.c": {"PREFER_DEFINED_ATTRIBUTE_MACRO": "__noreturn does not exist in user space"},
}
# Sparse 0.6.4 does not know __typeof_unqual__. MODULE_LICENSE() and similar macros need __builtin_strlen() of a string
# to be a constant, which it is not for sparse.
SPARSE = "sparse -D__typeof_unqual__=__typeof__ '-D__builtin_strlen(s)=(sizeof(s)-1)'"
# How many findings are printed at most. The log has all of them.
SHOWN = 20
# All of these tools report a finding as "FILE:LINE: what". No other lines count as findings.
FOUND = re.compile(r"^(?:\w+: )?(\S+?):(\d+)(?::\d+)?:? .+")


def sources() -> list:
    """Return all C files in the repository, by their paths in it."""
    tops = [*modules.SOURCES, "tools"]
    return sorted(str(path.relative_to(ROOT)) for top in tops for path in (ROOT / top).rglob("*.[ch]")
                  if not path.name.endswith(".mod.c"))


def _of_modules(names: Iterable[str]) -> list:
    return [name for name in names if name.split("/")[0] in modules.SOURCES]


class _Memory:
    """Remembers which contents were found clean, and by which check."""

    def __init__(self) -> None:
        try:
            self.known = set(json.loads(CLEAN.read_text()))
        except (OSError, ValueError):
            self.known = set()
        self.used: set = set()
        # If the code of a check changes, all files are checked again.
        self.checks = "".join(path.read_text() for path in sorted(Path(__file__).parent.glob("*.py"))
                              if not path.name.startswith("test_"))

    def findings(self, check: Callable[[], list], *content: object) -> list:
        """Return what @check finds, or nothing if it found nothing the last time in the same @content."""
        text = "\0".join(str(part) for part in content)
        key = hashlib.sha256((self.checks + text).encode()).hexdigest()[:24]
        if key in self.known:
            self.used.add(key)
            return []
        found = check()
        if not found:
            self.used.add(key)
        return found

    def save(self) -> None:
        """Store what is known to be clean and was asked for in this run. Forget everything else."""
        write_atomically(CLEAN, json.dumps(sorted(self.used)) + "\n")


def _run(command: list, cwd: Path = ROOT, env: Optional[Mapping[str, str]] = None) -> tuple:
    done = alive.run(command, cwd=cwd, text=True, errors="replace", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                     stderr=subprocess.STDOUT, env={**os.environ, **(env or {})})
    return done.returncode, done.stdout


def _checkpatch(tree: Path, name: str) -> list:
    ignored = ",".join([*IGNORED, *IGNORED_IN.get(name, {}), *IGNORED_IN.get(f"{Path(name).parent}/", {})])
    status, said = _run(["perl", tree / "scripts/checkpatch.pl", "--no-tree", "--strict", "--terse", "--quiet",
                         "--show-types", "--no-summary", "--max-line-length=100", f"--ignore={ignored}", "-f", name])
    found = [line for line in said.splitlines() if FOUND.match(line)]
    return found or ([said] if status else [])


def checkpatch(tree: Path, memory: _Memory) -> list:
    """Run checkpatch on each file."""
    def one(name: str) -> list:
        return memory.findings(lambda: _checkpatch(tree, name), "checkpatch", tree.name, name,
                               (ROOT / name).read_text())
    with ThreadPoolExecutor(jobs()) as pool:
        return [line for found in pool.map(one, sources()) for line in found]


def kernel_doc(tree: Path, memory: _Memory) -> list:
    """Check that all comments beginning with two stars are valid and complete kernel-doc."""
    names = _of_modules(sources())

    def check() -> list:
        status, said = _run([sys.executable, "-B", tree / "scripts/kernel-doc", "-none", "-Wall", "-Werror", *names])
        # kernel-doc reports some findings twice.
        found = list(dict.fromkeys(line for line in said.splitlines() if FOUND.match(line)))
        return found or ([said] if status else [])
    return memory.findings(check, "kernel-doc", tree.name, *(f"{name}\0{(ROOT / name).read_text()}" for name in names))


def versions(_tree: Path, _memory: _Memory) -> list:
    """Check that only one file tests for kernel versions."""
    word = re.compile(r"\bLINUX_VERSION_CODE\b|\bKERNEL_VERSION\b")
    return [f"{name}:{number}: {line.strip()}" for name in _of_modules(sources()) if name != COMPAT
            for number, line in enumerate((ROOT / name).read_text().splitlines(), 1) if word.search(line)]


def old_python(_tree: Path, _memory: _Memory) -> list:
    """Check that the tools run with the Python of Debian 11."""
    return [line for name in python_files() for line in python.findings(name, (ROOT / name).read_text())]


def _python(check: Callable[[Sequence[str]], list]) -> Callable:
    def checker(_tree: Path, memory: _Memory) -> list:
        names = python_files()
        content = [f"{name}\0{(ROOT / name).read_text()}" for name in names]
        return memory.findings(lambda: check(names), check.__name__, linters.CONFIGURATION.read_text(),
                               linters.PINS.read_text(), sys.version, *content)
    return checker


def python_files() -> list:
    """Return all Python files in the repository, including those without the suffix .py."""
    found = sorted((ROOT / "tools").rglob("*"))
    return [str(path.relative_to(ROOT)) for path in found if path.is_file() and (
        path.suffix == ".py" or re.match(rb"#!.*\b(python3|drgn)\b", path.read_bytes()[:100]))]


def missing_in_table(document: str, names: Iterable[str], table: str, optional: Iterable[str] = ()) -> list:
    """Check that @table, the text of a table in @document, lists exactly @names, and perhaps some of @optional. An
    entry may be a glob, which stands for several files."""
    there = [name.strip("`,") for line in table.splitlines()
             if (match := re.match(r"(\S.*?)(?:  |$)", line)) and not line.startswith("==")
             for name in match[1].split()]
    names = sorted(names)
    found = [f"{document}:1: the table of files lacks {name}" for name in names
             if not any(fnmatch.fnmatchcase(name, each) for each in there)]
    return found + [f"{document}:1: the table of files has {each}, which does not exist" for each in there
                    if not fnmatch.filter([*names, *optional], each)]


def table_after(text: str, words: str) -> str:
    """Return the rows of the first table after the line @words, or ''."""
    match = re.search(rf"^{re.escape(words)}$.*?^==+ .*?$\n(.*?)^==+ ", text, re.MULTILINE | re.DOTALL)
    return match[1] if match else ""


def _in_table(path: Path) -> str:
    """Return how the table in design.rst names a file of src/: by its name, or by its folder unless that is one of the
    folders that have an order."""
    folder = path.parent
    return path.name if folder.name in (*arrows.ENGINE, "src") else f"{folder.name}/"


def tables(_tree: Path, _memory: _Memory) -> list:
    """Check that the documents' tables of files list every file."""
    tops = [path for path in HERE.iterdir() if path.name != "__pycache__" and not path.name.startswith(".")]
    packages_of = [path for path in tops if any(path.glob("*.py"))]
    of_harness = [f"{path.name}/" if path.is_dir() else path.name for path in tops if path not in packages_of]
    of_harness += [f"{top.name}/{path.name}" for top in packages_of for path in top.iterdir() if path.is_file()
                   and not path.name.startswith(("__init__", "test_"))]
    of_engine = [path for path in (ROOT / "src").rglob("*.[ch]") if not path.name.endswith(".mod.c")]
    # A header that says what the file beside it offers needs no row of its own.
    beside = [path for path in of_engine if path.suffix == ".h" and path.with_suffix(".c") in of_engine]
    found = missing_in_table("Documentation/harness.rst", of_harness,
                             table_after((ROOT / "Documentation/harness.rst").read_text(), "Files"))
    return found + missing_in_table(
        "Documentation/design.rst", {_in_table(path) for path in of_engine if path not in beside},
        table_after((ROOT / "Documentation/design.rst").read_text(), "The files of ``src/``, the lowest folder first:"),
        [path.name for path in beside] + [f"{folder}/" for folder in arrows.ENGINE])


def _test(path: Path) -> list:
    status, said = _run([sys.executable, "-B", path], env={"PYTHONDONTWRITEBYTECODE": "1"})
    return [f"{shown(path)}:1: {(said.strip().splitlines() or ['no reason given'])[-1]}\n{said}"] if status else []


def python_tests(_tree: Path, memory: _Memory) -> list:
    """Run all Python tests, which need neither drgn nor a guest."""
    def check() -> list:
        with ThreadPoolExecutor(jobs()) as pool:
            return [line for found in pool.map(_test, tests.files()) for line in found]
    # Tests also compare sources, documents and tools with each other.
    tops = [path for top in ("Documentation", "tools") for path in (ROOT / top).rglob("*")]
    # Whoever runs mypy or ruff by hand has their caches beside the sources.
    read = [path for path in (*sorted(tops), ROOT / "Makefile", ROOT / "README.md") if path.is_file()
            and not any(part.startswith((".", "__pycache__")) for part in path.relative_to(ROOT).parts)]
    names = [shown(path) for path in read] + _of_modules(sources())
    return memory.findings(check, "python", *(f"{name}\0{(ROOT / name).read_text()}" for name in names))


def too_long(_tree: Path, _memory: _Memory) -> list:
    """Check that no file and no function is too long."""
    names = [*_of_modules(sources()), *python_files()]
    return lengths.findings((name, (ROOT / name).read_text()) for name in names)


def upwards(_tree: Path, _memory: _Memory) -> list:
    """Check that no include and no import points against the order of the folders."""
    return arrows.in_engine() + arrows.in_bench() + arrows.in_harness()


def parity(tree: Path, _memory: _Memory) -> list:
    """Check that every public name of the kernel's workqueue has a twin or a reason for having none."""
    status, said = _run([sys.executable, "-B", ROOT / "tools/parity.py", tree])
    return [f"tools/parity.toml:1: {line}" for line in said.strip().splitlines()[-SHOWN:]] if status else []


def policies(_tree: Path, _memory: _Memory) -> list:
    """Check that the tables of policies in the documents agree with src/lab/policy/."""
    status, said = _run([sys.executable, "-B", ROOT / "tools/policies.py"])
    return [f"src/lab/policy:1: {line}" for line in said.strip().splitlines()[-SHOWN:]] if status else []


def _compile(target: kernel.Kernel) -> list:
    """Compile all sources once with sparse, in a directory of its own. Files with warnings are compiled again the next
    time."""
    work, log = OUT / "modules" / "style", OUT / "log" / "style.log"
    with lock("modules-style", OUT):
        modules.for_this_kernel(work, target.build)
        modules.mirror(modules.tree(), work)
        status, said = _run(["make", "-C", target.build, f"M={work}", f"-j{jobs()}",
                             f"ARCH={modules.arch_of(target.build)}", "W=1", "C=1", f"CHECK={SPARSE}", "modules"])
        write_atomically(log, said)
        found = []
        for line in said.splitlines():
            line = line.replace(f"{work}/", "")
            match = FOUND.match(line)
            if match and (work / match[1]).is_file() and re.search(r": (warning|error|fatal error):", line):
                found.append(line)
                for path in work.rglob("*.o"):
                    path.unlink()
        if "not available or not up to date" in said:
            found.append(f"{shown(log)}:1: the kernel's makefile does not accept this sparse")
        return found or ([f"{shown(log)}:1: the build failed; the log has the errors"] if status else [])


def _compiled(target: kernel.Kernel) -> Callable:
    def compiler(_tree: Path, memory: _Memory) -> list:
        files = [path for origin, _ in modules.tree() for path in ([origin] if origin.is_file() else origin.rglob("*"))]
        content = [f"{shown(path)}\0{path.read_text()}" for path in sorted(files)
                   if path.suffix in (".c", ".h") and not path.name.endswith(".mod.c") or path.name == "Kbuild"]
        return memory.findings(lambda: _compile(target), "compiler", target.build, *content)
    return compiler


def _refused(target: kernel.Kernel) -> list:
    """Compile each case that the shim must refuse, with the compiler flags of a module."""
    work, source = OUT / "modules" / "style", ROOT / REFUSED
    saved = work / "kunit/lib/.consumer_moved.o.cmd"
    if not saved.exists():
        found = _compile(target)
        if found:
            return found
    modules.mirror(modules.tree(), work)
    flags = re.match(r"(?:saved)?cmd_\S+ := (.*?) -c -o ", saved.read_text())
    if not flags:
        return [f"{REFUSED}:1: the compiler flags were not found in a .cmd file of the build"]
    command = [word for word in shlex.split(flags[1]) if not word.startswith("-Wp,-MMD")] + ["-fsyntax-only"]

    def one(case: tuple) -> list:
        number, name, wanted = case
        status, said = _run([*command, f"-D{name}", source], cwd=work)
        # Only the first error counts, because people read that one first.
        error = (re.findall(r".*\b(?:error|warning):.*", said) or ["nothing"])[0]
        if not name.startswith("CASE"):
            return [f"{REFUSED}:{number}: {name} must compile without a warning, but: {error}"] \
                if status or error != "nothing" else []
        if not status:
            return [f"{REFUSED}:{number}: {name} compiles"]
        return [] if re.search(wanted, error) else [f"{REFUSED}:{number}: {name}: not the expected error: {error}"]

    lines = enumerate(source.read_text().splitlines(), 1)
    matches = [(number, re.match(r"#ifdef ((?:CASE|FINE)_\w+)\t/\* (.*) \*/", line)) for number, line in lines]
    cases = [(number, match[1], match[2]) for number, match in matches if match]
    with ThreadPoolExecutor(jobs()) as pool:
        found = [line for lines in pool.map(one, [(1, "NO_CASE", ""), *cases]) for line in lines]
    return found if cases else [f"{REFUSED}:1: no cases"]


def _refusals(target: kernel.Kernel) -> Callable:
    def refusals(_tree: Path, memory: _Memory) -> list:
        paths = [*sorted((ROOT / "include").rglob("*.h")), *sorted((ROOT / REFUSED).parent.glob("refused.*"))]
        content = [path.read_text() for path in paths]
        return memory.findings(lambda: _refused(target), "refusals", target.build, *content)
    return refusals


def checks(target: kernel.Kernel) -> dict:
    """Return all checks by the names of their lines."""
    return {"checkpatch": checkpatch, "kernel-doc": kernel_doc, "versions": versions, "tables": tables,
            "lengths": too_long, "arrows": upwards, "old Python": old_python,
            "ruff": _python(linters.ruff), "mypy": _python(linters.mypy), "tests of tools": python_tests,
            "parity": parity, "policies": policies, "sparse, W=1": _compiled(target), "shim refuses": _refusals(target)}


def host_rows(target: kernel.Kernel) -> list:
    """Run each check and return a row for it. Findings are printed as they come."""
    packages.require("style")
    rows, memory = [], _Memory()
    for name, check in checks(target).items():
        start = time.monotonic()
        with alive.doing(lambda name=name: f"style: {name}"):     # type: ignore
            found = check(target.source.tree, memory)
        for line in found[:SHOWN]:
            say(f"  {line}")
        log = OUT / "style" / (re.sub(r"\W+", "-", name) + ".txt")
        write_atomically(log, "".join(f"{line}\n" for line in found))
        count = ktap.Count(passed=int(not found), failed=int(bool(found)),
                           failures=[f"{len(found)} findings"] if found else [])
        rows.append(results.Row("host", f"style {name}", count, time.monotonic() - start, shown(log)))
        say(rows[-1].line())
    memory.save()
    return rows


def style(name: str) -> int:
    """Run `make style` against the kernel of vehicle @name, and return the exit status."""
    start = time.monotonic()
    target = kernel.provide(kernel.vehicle(name))
    total = results.Total(host_rows(target))
    say(f"against Linux {target.release} as built for {name}")
    return results.finish(total, start)
