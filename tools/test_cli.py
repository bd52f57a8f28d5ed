#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of cli.py, tables.py and wq/script.py, and of the behaviour that every command has from them."""

import argparse
import io
import os
import pty
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from contextlib import redirect_stderr, redirect_stdout
from importlib.machinery import BuiltinImporter, FrozenImporter
from pathlib import Path

TOOLS = Path(__file__).resolve().parent
sys.path.insert(0, str(TOOLS))
import cli  # noqa: E402
import tables  # noqa: E402
from wq import script  # noqa: E402

# Every command, and arguments with which it can start its work without a kernel, a guest or root.
COMMANDS = {"wq_dump.py": ("--read", "{dump}"), "wq_monitor.py": None, "bench": ("summary", "{dump}"),
            "bench_report.py": ("{dump}",), "parity.py": ("{dump}",), "check_dump.py": ("{dump}",),
            "check_model.py": ("NONE=1",), "policies.py": ("{dump}",), "layouts.py": ("{dump}",),
            "manuals.py": ("--package", "{dump}", "{dump}"), "scale.py": ("--lines", "{dump}"),
            "port_driver.py": ("{dump}",)}
ESCAPE = "\x1b[31m"


def environment(**more: str) -> dict:
    """Return an environment in which a script finds no drgn to start."""
    return {**os.environ, "PATH": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1", **more}


def start(command: list, **options) -> subprocess.Popen:
    options.setdefault("stdout", subprocess.PIPE)
    options.setdefault("env", environment())
    return subprocess.Popen([str(word) for word in command], stderr=subprocess.PIPE, text=True,
                            # A background job ignores SIGINT, and its child processes inherit this.
                            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), **options)


def run(name: str, *arguments: str, **options) -> subprocess.CompletedProcess:
    """Run a command of this directory to its end."""
    process = start([sys.executable, TOOLS / name, *arguments], **options)
    out, err = process.communicate(timeout=60)
    return subprocess.CompletedProcess([name], process.returncode, out, err)


class TestArguments(unittest.TestCase):
    def test_numbers(self):
        self.assertEqual([cli.positive("1"), cli.positive("2048")], [1, 2048])
        self.assertEqual([cli.natural("0"), cli.natural("12")], [0, 12])
        for text in ("", "-1", "x", "1.5", "\u00b2", "\u0663", " 1"):
            for kind in (cli.positive, cli.natural):
                self.assertRaises(argparse.ArgumentTypeError, kind, text)
        self.assertRaises(argparse.ArgumentTypeError, cli.positive, "0")

    def test_usage_is_one_line(self):
        for name in COMMANDS:
            done = run(name, "--no-such-option")
            self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (2, "", 1), done.stderr)
            self.assertRegex(done.stderr, r"^\S+: error: .*; see --help\n$")

    def test_help_fits(self):
        """The help fits narrow terminals, too, and its tables are not wider than they need to be. Only the words of a
        group of options in the usage stay together."""
        for width in ("60", "80", "200"):
            for name in (*COMMANDS, "vm/vm"):
                done = run(name, "--help", env=environment(COLUMNS=width, PATH="/usr/bin:/bin"))
                usage, _, text = done.stdout.partition("\n\n")
                self.assertEqual([line for line in text.splitlines() if len(line) > int(width)], [], (name, width))
                self.assertLessEqual(max(map(len, usage.splitlines())), max(80, int(width)))
                self.assertNotIn("\x1b", done.stdout)

    def test_help_is_wrapped(self):
        text = "A paragraph that is long\nand goes on.\n\n  name  text that is long\n        and more\n  alone"
        self.assertEqual(cli.fitted(text, 80), text)
        self.assertEqual(cli.fitted(text, 30), text)
        self.assertEqual(cli.fitted("  name  " + "word " * 8, 30),
                         "  name  word word word word\n        word word word word")
        self.assertEqual(cli.fitted("one two\nthree four five six\n", 15), "one two three\nfour five six\n")
        self.assertEqual(cli.fitted("  command --option value", 20), "  command --option\n      value")

    def test_help_tells_the_exit_status(self):
        for name in COMMANDS:
            done = run(name, "--help")
            self.assertEqual((done.returncode, done.stderr), (0, ""), name)
            self.assertIn(cli.STATUS, done.stdout, name)


class TestVisible(unittest.TestCase):
    def test_kept(self):
        for text in ("", "cw2/u8:0", "mémoire", "队列"):
            self.assertEqual(cli.visible(text), text)

    def test_escaped(self):
        for text, shown in ((ESCAPE, "\\x1b[31m"), ("\r", "\\r"), ("\x9b", "\\x9b"), ("\u202e", "\\u202e"),
                            ("\x7f", "\\x7f"), ("a\nb", "a\\nb"), ("\udc80", "\\udc80")):
            self.assertEqual(cli.visible(text), shown)
        self.assertEqual(cli.visible("a\n\tb\x07", "\n\t"), "a\n\tb\\x07")

    def test_output(self):
        sink = io.StringIO()
        out = cli.Output(sink, "standard output")
        print(f"{ESCAPE}x", file=out)
        with redirect_stdout(out):
            cli.emit(f"y{ESCAPE}\n", before="\x1b[H")
        self.assertEqual(sink.getvalue(), "\\x1b[31mx\n\x1b[Hy\\x1b[31m\n")

    def test_terminal_without_that_character(self):
        raw = io.BytesIO()
        out = cli.Output(io.TextIOWrapper(raw, encoding="ascii"), "standard output")
        out.write("before m\u00e9moire after\n")
        out.flush()
        self.assertEqual(raw.getvalue(), b"before m\\xe9moire after\n")


class TestRun(unittest.TestCase):
    """The status and the line on stderr of each way that work can end."""

    def start(self, body, how="cli.run('x.py', work)", **options):
        code = (f"import sys; sys.path.insert(0, {str(TOOLS)!r})\n"
                "import cli; cli.guard_imports()\n"
                "import argparse, time; from wq import script\n"
                f"def work():\n    {body}\n{how}")
        return start([sys.executable, "-c", code], **options)

    def assert_ends(self, process, status, text):
        _, err = process.communicate(timeout=60)
        self.assertEqual((process.returncode, err), (status, text and f"x.py: {text}\n"))

    def test_well(self):
        self.assert_ends(self.start("return True"), 0, "")
        self.assert_ends(self.start("return False"), 1, "")

    def test_end_goes_through_the_interpreter(self):
        # A script that runs this one goes on afterwards, with its own streams.
        out = sys.stdout
        with self.assertRaises(SystemExit) as end:
            cli.run("x.py", lambda: True)
        self.assertEqual((end.exception.code, sys.stdout), (0, out))

    def test_trouble(self):
        form = "this is not the form of dump or kernel that this script is for: "
        for body, text in (
                ("raise script.Cmwq2Error('not loaded')", "not loaded"),
                ("raise cli.Error('two\\nlines')", "two lines"),
                ("raise cli.Error('a\\x1b[31mb')", "a\\x1b[31mb"),
                ("raise AttributeError('no\\nlock')", form + "AttributeError: no lock"),
                ("raise KeyError('pools')", form + "KeyError: 'pools'"),
                ("raise RecursionError", "RecursionError:"),
                ("raise SystemExit('said so')", "said so"),
                ("raise ArithmeticError('odd')", "ArithmeticError: odd"),
                # Without drgn, FaultError is OSError, so another error stands in for it.
                ("script.FaultError = ArithmeticError; raise ArithmeticError('at 0')",
                 "memory of the kernel is missing, is this dump whole? at 0"),
                ("raise ProcessLookupError(3, 'No such process')",
                 "the guest has ended; run this again when a guest runs: [Errno 3] No such process"),
                ("raise BrokenPipeError(32, 'Broken pipe')",
                 "the guest has ended; run this again when a guest runs: [Errno 32] Broken pipe"),
                ("raise PermissionError(13, 'Permission denied', '/proc/kcore')",
                 "no permission; this needs root: [Errno 13] Permission denied: '/proc/kcore'")):
            self.assert_ends(self.start(body, "script.run('x.py', work)"), 1, text)

    def test_long_work_is_told(self):
        """Work that takes long says on standard error how far it is, and short work says nothing."""
        for seconds, told in ((0.01, True), (60, False)):
            errors = io.StringIO()
            with redirect_stderr(errors), cli.telling("name", lambda: "3 of 5 files", seconds):
                while told and "\n" not in errors.getvalue():
                    time.sleep(0.01)
            self.assertEqual(bool(re.match(r"name: 3 of 5 files, \d+ s\n", errors.getvalue())), told)

    def test_explain(self):
        for error, text in ((cli.Error("x"), "x"), (FileNotFoundError(2, "No such file", "x"), "x: No such file"),
                            (OSError(5, "I/O error"), "OSError: [Errno 5] I/O error"),
                            (ValueError("y"), "ValueError: y")):
            self.assertEqual(cli.explain(error), text)

    def test_traceback(self):
        process = self.start("raise cli.Error('x')", env=environment(CMWQ2_TRACEBACK="1"))
        _, err = process.communicate(timeout=60)
        self.assertIn("Traceback", err)

    def test_closed_pipe(self):
        for body in ("cli.emit('x' * 1000000)", "print('short')", "print('x'); raise cli.Error('late')"):
            reader, writer = os.pipe()
            os.close(reader)
            process = self.start(body, stdout=writer)
            os.close(writer)
            self.assert_ends(process, 141, "")

    def test_closed_output(self):
        def closed():
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.close(1)

        code = f"import sys; sys.path.insert(0, {str(TOOLS)!r})\nimport cli\ncli.run('x.py', lambda: print('lost'))"
        done = subprocess.run([sys.executable, "-c", code], preexec_fn=closed, stderr=subprocess.PIPE, text=True,
                              timeout=60, check=False)
        self.assertEqual((done.returncode, done.stderr), (1, "x.py: standard output: it is closed\n"))

    def test_full_disk(self):
        with open("/dev/full", "w", encoding="ascii") as full:
            process = self.start("print('x')", stdout=full)
        self.assert_ends(process, 1, "standard output: No space left on device")

    def test_interrupt(self):
        process = self.start("print('ready', flush=True); time.sleep(50)")
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        self.assert_ends(process, 130, "")

    def test_interrupt_ignored(self):
        code = (f"import sys, signal; sys.path.insert(0, {str(TOOLS)!r})\n"
                "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
                "import cli; cli.guard_imports()\n"
                "cli.run('x.py', lambda: signal.raise_signal(signal.SIGINT) or True)")
        process = start([sys.executable, "-c", code])
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0)

    def test_usage(self):
        self.assert_ends(self.start("cli.Parser(prog='x.py').parse_args(['more'])"), 2,
                         "error: unrecognized arguments: more; see --help")


class TestCommands(unittest.TestCase):
    """Tests of every command."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.home = Path(directory.name)

    def test_all_are_known(self):
        found = [path.name for path in TOOLS.iterdir() if path.is_file()
                 and not re.match(r"test_|(cli|commands)\.py$", path.name)
                 and re.search(r"^ *cli\.guard_imports\(\)", path.read_text(), re.M)]
        self.assertEqual(sorted(found), sorted(COMMANDS))

    def test_shebang_and_x_bit(self):
        for path in [*TOOLS.glob("*.py"), TOOLS / "bench"]:
            begins = path.read_text().startswith("#!")
            self.assertEqual(begins, os.access(path, os.X_OK), path.name)
            if begins:
                self.assertTrue(path.read_text().startswith("#!/usr/bin/env python3\n"), path.name)

    def test_by_its_name_without_drgn(self):
        home = os.path.dirname(sys.executable)
        for name in COMMANDS:
            done = subprocess.run([TOOLS / name, "--help"], env=environment(PATH=f"{home}:/usr/bin:/bin"),
                                  capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_script_starts_drgn(self):
        drgn = self.home / "drgn"
        drgn.write_text("#!/bin/sh\necho drgn \"$@\"\n")
        drgn.chmod(0o755)
        for name in ("wq_dump.py", "wq_monitor.py"):
            done = run(name, "--native", env=environment(PATH=str(self.home)))
            self.assertEqual((done.returncode, done.stdout), (0, f"drgn {TOOLS / name} --native\n"), done.stderr)

    def test_without_a_kernel(self):
        self.assertEqual(script.program({"prog": 3}), 3)
        for name in ("wq_dump.py", "wq_monitor.py"):
            done = run(name)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (
                1, "", f"{name}: no kernel to look at: drgn has to run this, see --help\n"))

    def test_version(self):
        """Every command that takes arguments says which cmwq2 it belongs to, also when it was copied elsewhere."""
        self.assertRegex(cli.version(), r"^\d+\.\d+\.\d+$")
        for name in COMMANDS:
            for option in ("-V", "--version"):
                done = run(name, option)
                self.assertEqual((done.returncode, done.stdout, done.stderr),
                                 (0, f"{name} of cmwq2 {cli.version()}\n", ""))
        copied = self.home / "cli.py"
        copied.write_text((TOOLS / "cli.py").read_text())
        done = subprocess.run([sys.executable, "-c", "import cli; print(cli.version())"], cwd=self.home,
                              capture_output=True, text=True, check=True, env=environment())
        self.assertEqual(done.stdout, "unknown\n")

    def test_bad_documents(self):
        path = self.home / "bad"
        for text in ("", "[" * 100000, "{}", f'{{"schema": "{ESCAPE}"}}'):
            path.write_text(text)
            for name, arguments in COMMANDS.items():
                done = run(name, *(word.format(dump=path) for word in arguments or ()))
                self.assertEqual((done.returncode, done.stdout), (cli.FAILED, ""), (name, text[:9], done.stderr))
                self.assertNotIn("Traceback", done.stderr)
                self.assertNotIn("\x1b", done.stderr)
                self.assertEqual(done.stderr.count("\n"), 1, done.stderr)

    def test_name_of_a_file(self):
        for name, arguments in COMMANDS.items():
            path = self.home / f"{ESCAPE}none"
            done = run(name, *(word.format(dump=path) for word in arguments or ()))
            self.assertNotIn("\x1b", done.stderr)

    def test_closed_output(self):
        """If the output cannot be printed, this is reported."""
        for name in COMMANDS:
            done = subprocess.run(["/bin/sh", "-c", 'exec "$0" "$@" >&-', sys.executable, TOOLS / name, "--help"],
                                  env=environment(), stderr=subprocess.PIPE, text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 1, name)
            self.assertRegex(done.stderr, r"^\S+: standard output: it is closed\n$")

    def test_closed_input(self):
        for name, arguments in (("wq_dump.py", "--read -"), ("bench_report.py", "-"), ("check_dump.py", "-")):
            done = subprocess.run(["/bin/sh", "-c", f'exec "$0" "$1" {arguments} <&-', sys.executable, TOOLS / name],
                                  env=environment(), capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertEqual(done.stderr, f"{name}: standard input: it is closed\n")

    def test_help_into_a_closed_pipe(self):
        for name in COMMANDS:
            reader, writer = os.pipe()
            os.close(reader)
            done = run(name, "--help", stdout=writer)
            os.close(writer)
            self.assertEqual((done.returncode, done.stderr), (141, ""), name)

    def test_interrupt_during_imports(self):
        """Ctrl-C arrives while a command imports its first module after cli.py."""
        for name in COMMANDS:
            text = (TOOLS / name).read_text()
            guarded = text[text.index("guard_imports()"):]
            module = next(each for each in re.findall(r"^ *(?:import|from) (\w+)", guarded, re.M)
                          if not BuiltinImporter.find_spec(each) and not FrozenImporter.find_spec(each))
            trap = self.home / name
            trap.mkdir()
            (trap / f"{module}.py").write_text("import signal\nsignal.raise_signal(signal.SIGINT)\n")
            # The trap comes before everything, including modules that Python itself has imported by then.
            code = ("import runpy, sys; path, trap = sys.argv.pop(1), sys.argv.pop(1)\n"
                    "sys.path.insert(0, sys.argv.pop(1)); import cli\n"
                    f"sys.modules.pop({module!r}, None); sys.path.insert(0, trap)\n"
                    "sys.path_importer_cache.clear()\n"
                    "runpy.run_path(path, run_name='__main__')")
            done = start([sys.executable, "-c", code, TOOLS / name, trap, TOOLS])
            out, err = done.communicate(timeout=60)
            self.assertEqual((done.returncode, out, err), (130, "", ""), name)

    def test_oldest_python(self):
        code = (f"import sys; sys.path.insert(0, {str(TOOLS)!r}); import cli\n"
                "cli.OLDEST = (9, 9); cli.guard_imports()")
        done = start([sys.executable, "-c", code])
        _, err = done.communicate(timeout=60)
        self.assertEqual((done.returncode, err.count("\n")), (1, 1))
        self.assertIn("Python 9.9 or newer is needed", err)


class TestTables(unittest.TestCase):
    TITLES = ("name", ">number", "text")
    ROWS = (("a", 1, "x" * 30), ("b" * 40, 22, None))

    def test_whole(self):
        self.assertEqual(tables.table(self.TITLES, self.ROWS, 0), [
            "name" + " " * 38 + "number  text", f"{'a':40}  {1:6}  {'x' * 30}", f"{'b' * 40}  {22:6}  -"])

    def test_every_width(self):
        for width in range(1, 100):
            lines = tables.table(self.TITLES, self.ROWS, width)
            self.assertLessEqual(max(map(len, lines)), max(width, 2 * tables.NARROWEST + 2), width)
            # Numbers are never cut.
            self.assertIn("22", "\n".join(lines))

    def test_names_are_whole_where_columns_go_below(self):
        rows = [("a name that is long", *range(1000, 1020))]
        lines = tables.table(tables.numbers("name", *(f"c{i}" for i in range(20))), rows, 60)
        self.assertEqual(sum(line.startswith("a name that is long ") for line in lines), 4)

    def test_cut_texts_keep_their_end(self):
        self.assertEqual(tables.shorten("kworker-events_long", 8), "~ts_long")
        self.assertEqual(tables.shorten("short", 8), "short")

    def test_what_has_no_room_goes_below(self):
        rows = [(name, *range(1000, 1020)) for name in "ab"]
        lines = tables.table(tables.numbers("name", *(f"c{i}" for i in range(20))), rows, 80)
        self.assertLessEqual(max(map(len, lines)), 80)
        self.assertEqual(sum(line.startswith("a ") for line in lines), 2)
        self.assertEqual(lines.count(""), 1)
        for number in range(1000, 1020):
            self.assertEqual("\n".join(lines).count(str(number)), 2)

    def test_sentences_are_wrapped_and_rows_are_not(self):
        sentence, row = "a sentence that says something", "a row      with   columns   that are wide"
        with tables.at_most(20):
            self.assertEqual(tables.fitted(f"{sentence}\n\n{row}").split("\n"),
                             ["a sentence that says", "    something", "", row])
        self.assertEqual(tables.fitted(f"{sentence}\n{row}"), f"{sentence}\n{row}")

    def test_cells(self):
        for value, shown in ((None, "-"), ([], "-"), ("", "-"), (0, "0"), (["a", "b"], "a,b"),
                             (f"a{ESCAPE}\nb", "a\\x1b[31m\\nb")):
            self.assertEqual(tables.cell(value), shown)

    def test_no_rows(self):
        self.assertEqual(tables.table(self.TITLES, [], 0), ["name  number  text"])
        # This is one line also where the columns need several tables.
        lines = tables.table(tables.numbers("name", *(f"column{i}" for i in range(20))), [], 60)
        self.assertEqual((len(lines), lines[0].startswith("name  column0"), len(lines[0]) <= 60), (1, True, True))

    def test_terminal(self):
        self.assertEqual(tables.terminal_width(), 0 if not sys.stdout.isatty() else tables.terminal_width())
        ours, theirs = pty.openpty()
        code = f"import sys; sys.path.insert(0, {str(TOOLS)!r}); import tables; print(tables.terminal_width())"
        process = start([sys.executable, "-c", code], stdout=theirs, env=environment(COLUMNS="93"))
        os.close(theirs)
        self.assertEqual(os.read(ours, 100).strip(), b"93")
        process.communicate(timeout=60)
        os.close(ours)


class TestStatus(unittest.TestCase):
    def test_streams_are_given_back(self):
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            self.assertEqual(cli.status("x", lambda: print(ESCAPE) or True), 0)
            self.assertEqual(cli.status("x", lambda: 1 / 0), 1)
            print(ESCAPE)
        self.assertEqual((out.getvalue(), err.getvalue()), (
            f"\\x1b[31m\n{ESCAPE}\n", "x: ZeroDivisionError: division by zero\n"))


if __name__ == "__main__":
    unittest.main()
