# SPDX-License-Identifier: GPL-2.0
"""Tests of what a new user meets, as far as they need no guest: the place of the checkout, misspelt knobs, messages
during and after a run, and that no process is left behind."""

import ast
import contextlib
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable, Iterator, Sequence

from base import alive
from base.common import EXIT_FAILED, EXIT_LOST, HERE, ROOT, WIDTH, Problem
from build import kernel, modules, packages
from looks import dump
from machines import guest, initramfs, inside, ktap, results, verdict
from style import check as style
from style import python
from verbs import knobs, suites
from verbs.units import _expect

# Seconds to wait for an event that other load on the machine may delay.
PATIENCE = 60.0


def _refused(action: Callable[[], object], *words: str) -> None:
    try:
        action()
    except Problem as problem:
        for word in words:
            if word not in str(problem):
                raise AssertionError(f"'{word}' is not named: {problem}") from None
        if "\n" in str(problem):
            raise AssertionError(f"more than a line: {problem}") from None
        return
    raise AssertionError(f"nothing was refused that should name {', '.join(words)}")


@contextlib.contextmanager
def _directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name).resolve()


def _happens(what: Callable[[], bool], text: str) -> None:
    """Wait until @what returns true."""
    end = time.monotonic() + PATIENCE
    while not what():
        if time.monotonic() > end:
            raise AssertionError(f"{text}: not within {PATIENCE:.0f} s")
        time.sleep(0.02)


def _quiet(action: Callable[[], object]) -> str:
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        action()
    return said.getvalue()


def _verb(words: Sequence[str], where: Path = ROOT, **environment: str) -> tuple:
    """Run `make` with @words. Return its exit status, its output, and the lines on stderr without make's own."""
    clean = {name: text for name, text in os.environ.items() if name not in knobs.known()}
    done = alive.run(["make", "--no-print-directory", *words], cwd=where, text=True, capture_output=True,
                     timeout=PATIENCE, stdin=subprocess.DEVNULL, env={**clean, **environment})
    lines = [line for line in done.stderr.splitlines() if not line.startswith("make: ***")]
    return done.returncode, done.stdout, lines


def names_of_knobs() -> None:
    """The names on make's command line are found, whatever the values contain."""
    _expect(knobs.of_make(""), [])
    _expect(knobs.of_make("w -j4 --jobserver-auth=3,4 -- VM=uml PARAMETERS=a=1\\ b=2 X:=1 y+=2"),
            ["VM", "PARAMETERS", "X", "y"])
    _expect(knobs.of_make(" -- vm=uml"), ["vm"])
    _expect(knobs.of_make("k"), [])
    knobs.check_names("check", ["style", "check"], ["VM", "SUITE", "V"])
    knobs.check_names("clean", ["clean", "check"], ["VM"])
    _refused(lambda: knobs.check_names("check", ["check"], ["vm"]), "vm=", "VM=?")
    _refused(lambda: knobs.check_names("check", ["check"], ["SIUTE"]), "SIUTE=", "SUITE=?")
    _refused(lambda: knobs.check_names("demo", ["demo"], ["VM"]), "make demo has no VM=", "KERNEL_SRC")
    _expect(knobs.ignored("dump", {"VM": "uml", "NAME": "x", "V": "1", "PATH": "/"}), ["VM"])


def values_of_knobs() -> None:
    """Every verb refuses values that its knobs do not allow."""
    for verb, names in knobs.VERBS.items():
        for name in sorted(knobs.COUNTS & names):
            for text in ("0", "-1", "x", "1.5", "4294967296"):
                _refused(lambda: knobs.check_values(verb, {name: text}), f"{name}={text}", "allowed: 1 to")
            knobs.check_values(verb, {name: "1"})
    _refused(lambda: knobs.check_values("modules", {"FAULTS": "yes"}), "FAULTS=yes", "allowed: 0, 1")
    _refused(lambda: knobs.check_values("modules", {"W": "x"}), "W=x", "allowed")
    _refused(lambda: knobs.check_values("icount", {"PARAMETERS": "wake_cost_us=1 bogus=1"}), "bogus=1", "wake_cost_us")
    knobs.check_values("icount", {"PARAMETERS": "wake_cost_us=1 hook=timer"})
    knobs.check_values("cost", {"MACHINES": "nothing that it has"})


def refused_at_once() -> None:
    """make refuses wrong knobs in one line, before anything is built, downloaded or installed."""
    for words, said in ((["check", "vm=uml"], "did you mean VM="), (["demo", "VM=x86"], "has no VM="),
                        (["dump", "VM=uml"], "has no VM="), (["check", "MACHINES=0"], "MACHINES=0"),
                        (["icount", "PARAMETERS=bogus=1"], "bogus=1"), (["model", "CLAIM=x"], "CLAIM=x"),
                        (["check", "VM=arm"], "VM=arm"), (["style", "VM=uml,arm"], "VM=uml,arm")):
        status, out, lines = _verb(words)
        _expect((words, bool(status), out, len(lines), said in "".join(lines)), (words, True, "", 1, True))
    for place in ("/etc/passwd", "/proc/x", "/dev/null/x", "/tmp/a b"):
        status, out, lines = _verb(["check", "VM=uml"], CMWQ2_CACHE=place)
        _expect((place, bool(status), out, len(lines), place in "".join(lines)), (place, True, "", 1, True))


def unsafe_place() -> None:
    """In a checkout whose path the kernel's makefiles cannot handle, a verb says so and does nothing else."""
    knobs.check_places({"x": Path("/home/a.b/c-d_e+f@g=h~1/ü")})
    for character in " :,'\"$#%;&*?[\\":
        _refused(lambda: knobs.check_places({"CMWQ2_CACHE=": Path(f"/a{character}b")}), "CMWQ2_CACHE=/a",
                 f"'{character}'")
    with _directory() as home:
        where = home / "a checkout"
        for name in ("tools", "src"):
            shutil.copytree(ROOT / name, where / name, ignore=shutil.ignore_patterns("*.o", "*.ko", ".*.cmd"))
        shutil.copy(ROOT / "Makefile", where)
        before = sorted(where.rglob("*"))
        status, out, lines = _verb(["check"], where)
        _expect((bool(status), out, len(lines), "' '" in "".join(lines)), (True, "", 1, True))
        _expect(sorted(where.rglob("*")), before)
        _expect(_verb(["help"], where)[0], 0)


def moved_kernel() -> None:
    """A kernel is not used if it or its source was moved after the build."""
    with _directory() as home:
        tree, build = home / "source", home / "build"
        build.mkdir()

        def written(output: Path, source: Path) -> str:
            (build / "Makefile").write_text(f"# x\nexport KBUILD_OUTPUT = {output}\ninclude {source}/Makefile\n")
            (build / "source").unlink(missing_ok=True)
            (build / "source").symlink_to(source)
            return kernel.built_elsewhere(build, tree)
        _expect(written(build, tree), "")
        _expect("it was at /old/build" in written(Path("/old/build"), tree), True)
        _expect("its source was at /old/source" in written(build, Path("/old/source")), True)
        (build / "Makefile").unlink()
        _expect("No such file" in kernel.built_elsewhere(build, tree), True)


def moved_tree() -> None:
    """Objects and commands that were made in another place are made again. A build that makes no module is an error."""
    with _directory() as home:
        work, moved = home / "work", home / "moved"
        modules.for_this_kernel(work, home)
        (work / "a.o").write_text("")
        modules.for_this_kernel(work, home)
        _expect((work / "a.o").exists(), True)
        work.rename(moved)
        modules.for_this_kernel(moved, home)
        _expect((moved / "a.o").exists(), False)
        _refused(lambda: modules.made(moved, home / "log"), "has made no module", "log")
        (moved / "a.ko").write_text("")
        _expect(modules.made(moved, home / "log"), [moved / "a.ko"])
        venv, other = home / "venv", home / "venv2"
        venv.mkdir()
        (venv / "ready").write_text(packages.standing(venv, "x==1"))
        _expect((packages.stands(venv, "x==1"), packages.stands(venv, "x==2")), (True, False))
        venv.rename(other)
        _expect(packages.stands(other, "x==1"), False)


def seen_in_the_guest() -> None:
    """No file of the guest is below a directory that it mounts something over, wherever this checkout is."""
    init = (initramfs.GUEST / "init").read_text()
    mounted = re.findall(r"\bmount -t \w+ \w+ (/\S+)", init)
    _expect({f"/{path.split('/')[1]}" for path in mounted}, set(initramfs.MOUNTED))
    with _directory() as home:
        (home / "x").write_text("x")
        for top in initramfs.MOUNTED:
            _refused(lambda: initramfs.write(home / "cpio", "shell", [], {}, {f"{top}/a/b": home / "x"}), f"{top}/a/b")
        initramfs.write(home / "cpio", "shell", [], {}, {"/tmp/a/b": home / "x"})
        _expect(b"tmp/a/b\0" in (home / "cpio").read_bytes(), True)
    for site in (Path("/tmp/x/site-packages"), Path("/dev/shm/x/site-packages")):
        _expect(inside.there(site / "drgn/../drgn.libs/a.so", site), f"{inside.SITE}/drgn.libs/a.so")
        _expect(inside.there(Path("/usr/lib/a.so"), site), "/usr/lib/a.so")


class _Look:
    """A look at a guest that raises the given error."""

    def __init__(self, error: Exception):
        self.error, self.run = error, None

    def boot(self) -> None:
        """Raise the error."""
        raise self.error


def failed_look() -> None:
    """A failed look is a failed case with one readable line. All findings are printed at the end, or are in the log."""
    target = kernel.Kernel(kernel.VEHICLES["x86"], Path("/"), None, "")     # type: ignore
    reasons = [f"state {number}: {'No module named drgn ' * 20}" for number in range(40)]
    for error, status in ((Problem("; ".join(reasons), EXIT_FAILED, reasons), EXIT_FAILED), (Problem("x"), EXIT_FAILED),
                          (Problem("without a verdict", EXIT_LOST), EXIT_LOST), (OSError(2, "y", "z"), EXIT_FAILED),
                          (subprocess.TimeoutExpired("drgn", 120), EXIT_FAILED), (KeyError("k"), EXIT_FAILED)):
        total = results.Total()
        said = _quiet(lambda: suites.look(target, total, "wq_states", lambda: _Look(error), 9))
        _expect((said.count("\n"), max(map(len, said.splitlines())) <= WIDTH), (1, True))
        _expect((total.status(), total.summary()), (status, "0 passed, 1 failed, 0 skipped"))
        told = total.rows[0].told().splitlines()
        _expect((len(told) <= results.REASONS + 3, max(map(len, told)) <= results.LONGEST + 6), (True, True))

    def not_made() -> _Look:
        raise Problem("no Python packages")
    total = results.Total()
    _quiet(lambda: suites.look(target, total, "wq_states", not_made))
    _expect((total.status(), total.rows[0].count.failed), (EXIT_FAILED, 1))
    with _directory() as home:
        run = guest.Run(target, "states", home)
        for outcome, status in ((verdict.Outcome(), EXIT_FAILED), (verdict.Outcome(EXIT_LOST), EXIT_LOST),
                                (verdict.Outcome(0, ""), EXIT_FAILED)):
            run.outcome = outcome
            problem = dump.found(run, reasons)
            _expect((problem.status, problem.reasons, len(str(problem)) < 400), (status, reasons, True))
        _expect((home / "problems").read_text().splitlines(), reasons)


def how_long_it_took() -> None:
    """The summary lists all vehicles with their boots and longest suites, in lines of a readable width."""
    rows = [results.Row("uml", f"cmwq2_{'x' * number}", ktap.Count(passed=1), number) for number in range(30)]
    total = results.Total([*rows, results.Row("host", "style", ktap.Count(passed=1), 100)], False, [("uml", 500.0)])
    (uml, host) = results.times(total)
    _expect(uml[:4], ("uml", "1", "8 min 20 s", "7 min 15 s"))
    _expect(uml[4].startswith(f"{rows[29].suite} 29 s, {rows[28].suite} 28 s"), True)
    _expect(host, ("host", "0", "1 min 40 s", "1 min 40 s", "style 100 s"))
    said = _quiet(lambda: results.finish(total, time.monotonic()))
    _expect(max(map(len, said.splitlines())) <= WIDTH, True)


def told_meanwhile() -> None:
    """A silent verb reports what runs, each step once. It reports nothing if something else is printed or nothing
    runs."""
    sink, names = io.StringIO(), [f"vehicle {number}: cmwq2_something" for number in range(9)] * 2
    with contextlib.redirect_stdout(sink), contextlib.ExitStack() as stack:
        for name in names:
            stack.enter_context(alive.doing(lambda name=name: name))      # type: ignore
        stack.enter_context(alive.telling(0.05))
        _happens(lambda: "vehicle 8" in sink.getvalue(), "a line of progress")
    lines = sink.getvalue().splitlines()
    first = lines[:next(number for number, line in enumerate(lines) if "vehicle 8" in line) + 1]
    _expect([sum(name in line for line in first) for name in names], [1] * len(names))
    _expect(max(map(len, lines)) <= WIDTH, True)
    _expect(alive._doing, [])
    _expect("with alive.telling():" in (HERE / "vm").read_text(), True)


# Starts a process with a child, like a UML guest, and prints their pids. OWN then runs for ever.
OWN = """
import sys, time
sys.path.insert(0, {here!r})
from base import alive
{first}
with alive.started(["/bin/sh", "-c", "sleep 1000 & echo $$ $!; wait"]) as process:
    process.wait()
"""


def _gone(number: int) -> bool:
    try:
        state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state == "Z"


def nothing_is_left() -> None:
    """When a verb ends, its processes end, too: after SIGKILL, SIGTERM, SIGHUP or SIGINT, or if make above it is killed."""
    # make runs a simple command like this itself. For any other line there would be a shell between it and the verb.
    _expect("\n\t@tools/vm/vm $@\n" in (ROOT / "Makefile").read_text(), True)
    with _directory() as home:
        script, makefile = home / "own.py", home / "Makefile"
        makefile.write_text(f"all:\n\t@{sys.executable} -B {script}\n")
        own = [sys.executable, "-B", script]
        for first, command, number in (("", own, signal.SIGKILL), ("alive.end_in_order()", own, signal.SIGTERM),
                                       ("alive.end_in_order()", own, signal.SIGHUP), ("", own, signal.SIGINT),
                                       ("alive.end_with_parent(); alive.end_in_order()",
                                        ["make", "-f", makefile], signal.SIGKILL)):
            script.write_text(OWN.format(here=str(HERE), first=first))
            process = subprocess.Popen([str(word) for word in command], text=True, stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL)
            assert process.stdout
            started = [int(word) for word in process.stdout.readline().split()]
            _expect((first, len(started)), (first, 2))
            process.send_signal(number)
            for each in started:
                _happens(lambda: _gone(each), f"{first or 'own'}: process {each} after signal {number}")
            process.stdout.close()
            process.wait()


def _session(rest: object) -> guest._Session:
    session = guest._Session.__new__(guest._Session)
    session.run = guest.Run(None, "kunit", Path("/"), rest=rest)     # type: ignore
    session.since, session.deadline, session.limit, session.resting = 0.0, 1.0, 100.0, False
    session.start = 0.0
    session.files = {"console.log": io.BytesIO(), "verdict.channel": io.BytesIO()}      # type: ignore
    return session


def further_and_further() -> None:
    """A guest's time limit holds for a step, and every event of progress ends a step. A request for a look or messages
    of the kernel do not."""
    for channel, line, further in (("verdict", b"EVENT start a", True), ("verdict", b"EVENT written 5", True),
                                   ("verdict", b"EVENT case 5", True), ("verdict", b"EVENT end a 5", True),
                                   ("verdict", b"EVENT look", False), ("verdict", b"anything", False),
                                   ("console", b"[ 1.0]     ok 3 a_case", True),
                                   ("console", b"[ 1.0]         not ok 3 a parameter", True),
                                   ("console", b"[ 1.0] harness: still here", False)):
        session = _session(None)
        session._line(channel, line)
        _expect((line, session.deadline > 1.0), (line, further))
    session = _session(4.0)
    session._line("console", b"[ 1.0]     not ok 1 a")
    last = session.deadline
    session._line("console", b"[ 1.0]     ok 2 b")
    session._line("verdict", b"EVENT case 2")
    _expect(session.deadline, last)
    suite = (initramfs.GUEST / "lib.sh").read_text()
    _expect(["event case" in re.search(rf"^{name}\(\) .*?^}}$", suite, re.MULTILINE | re.DOTALL)[0]     # type: ignore
             for name in ("ok", "not_ok", "skip")], [True] * 3)


def named_with_its_case() -> None:
    """A parameter's failure is reported with the name of its case, because "cmwq2" alone says nothing."""
    def case(name: str, status: str) -> dict:
        return {"name": name, "status": status}
    count = ktap.Count()
    ktap.walk({"name": "suite", "test_cases": [case("plain", "FAIL"), case("", "FAIL")], "sub_groups": [
        {"name": "runs_once", "test_cases": [case("native", "PASS"), case("cmwq2", "FAIL")], "sub_groups": []}]}, count)
    _expect((count.passed, count.failures), (1, ["plain", "(a case that did not report)", "runs_once(cmwq2)"]))


def old_python() -> None:
    """Each kind of construct that Python 3.9 lacks is found. The command itself can be parsed by an even older one."""
    for text in ("import tomllib\n", "from itertools import pairwise\n", "zip(a, b, strict=True)\n", "x.bit_count()\n",
                 "def f(a: int | None): pass\n", "a: int | str = 1\n", "@dataclass(slots=True)\nclass A: pass\n",
                 "match a:\n    case 1: pass\n", "try: pass\nexcept* E: pass\n"):
        _expect((text, len(python.findings("a.py", text))), (text, 1))
    for text in ("from __future__ import annotations\ndef f(a: int | None): pass\n", "a = 1 | 2\n",
                 "if (b := 1): pass\n", "x.removeprefix('a')\n"):
        _expect((text, python.findings("a.py", text)), (text, []))
    text = (HERE / "vm").read_text()
    ast.parse(text, feature_version=(3, 6))
    _expect(text.index("sys.version_info <") < text.index("from base import alive"), True)
    _expect(f"({python.OLDEST[0]}, {python.OLDEST[1]})" in text, True)


def tables_of_files() -> None:
    """A file that is missing in its table is found, and so is an entry without a file."""
    table = style.table_after("x\nFiles\n---\n\n===  ===\na.py b/  c d\n``c.c``  e\n         more\nr*.txt  s\n"
                              "===  ===\n", "Files")
    _expect(style.missing_in_table("doc", ["a.py", "b/", "c.c", "r-1.txt", "r.txt"], table), [])
    _expect(len(style.missing_in_table("doc", ["a.py", "b/", "c.c", "r.txt", "new.py"], table)), 1)
    _expect(len(style.missing_in_table("doc", ["a.py", "b/", "r.txt"], table)), 1)
    _expect(style.tables(ROOT, None), [])      # type: ignore


def helpful() -> None:
    """make help fits into a terminal, and agrees with the verbs, knobs and defaults."""
    status, text, _ = _verb(["help"])
    _expect((status, [line for line in text.splitlines() if len(line) > WIDTH]), (0, []))
    _expect([verb for verb in knobs.VERBS if not re.search(rf"\b{verb}\b", text)], [])
    # Knobs of the model for experts are only in the model's own help.
    untold = {"WORKERS", "TIMEOUTS", "SWITCHES", "STRICT", "CC", "LIMIT", "RAISED", "CANCELS"}
    _expect([name for name in sorted(knobs.known() - untold) if not re.search(rf"\b{name}=", text)], [])
    _expect(re.search(r"MACHINES=n .*default: (\d+)", text)[1], str(suites.MACHINES))     # type: ignore
    makefile = (ROOT / "Makefile").read_text()
    _expect(set(re.search(r"^VERBS := (.*)$", makefile, re.MULTILINE)[1].split()), set(knobs.VERBS))     # type: ignore
    exported = " ".join(re.findall(r"^\s*export (.*)$", makefile, re.MULTILINE)).split()
    _expect(knobs.known() - set(exported), set())


CHECKS = (names_of_knobs, values_of_knobs, refused_at_once, unsafe_place, moved_kernel, moved_tree, seen_in_the_guest,
          failed_look, how_long_it_took, told_meanwhile, nothing_is_left, further_and_further, named_with_its_case,
          old_python, tables_of_files, helpful)
