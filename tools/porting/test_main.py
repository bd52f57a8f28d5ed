#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of main.py, driver.py and shared.py: the command port_driver.py on drivers in a kernel's tree and outside of
it. Run ``python3 tools/porting/test_main.py``; gcc and make are needed."""

import contextlib
import io
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import cli
from porting import main, testing
from porting.test_port import PLAIN, STATE, TTY


class Command(testing.Kernel):
    def run_on(self, *words):
        """Run the command. Return its status, what it printed and what it reported."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = main.main(["--kdir", str(self.tree), "--jobs", "2", *map(str, words)])
        return status, out.getvalue(), err.getvalue()

    def outside(self, files):
        """Make a driver outside of the kernel's tree, and return its directory."""
        home = self.home / "mine"
        home.mkdir()
        for name, text in files.items():
            (home / name).write_text(text)
        return home

    def several(self):
        """Make a driver of two files in the kernel's tree, and return its directory."""
        self.put({"drivers/x/Makefile": "module = both\nobj-m := both.o\n", "drivers/x/state.h": STATE,
                  "drivers/x/a.c": '#include "state.h"\nint a(struct state *s) { return schedule_work(&s->work); }\n',
                  "drivers/x/b.c": '#include "state.h"\nint b(struct state *s) { return s->id; }\n'})
        return self.tree / "drivers/x"

    def test_one_file(self):
        """A driver of one file gets the line, and its makefile what it needs, but only with --write."""
        home = self.outside({"Makefile": "obj-m := x.o\n", "x.c": PLAIN})
        status, out, err = self.run_on(home / "x.c")
        self.assertEqual((status, err), (0, ""))
        self.assertIn("+#include <cmwq2/shim.h>\n", out)
        self.assertIn("+ccflags-y += -I$(CMWQ2)/include\n", out)
        self.assertTrue(out.endswith("1 files move by the line; --write changes the files\n"), out)
        self.assertEqual((home / "x.c").read_text(), PLAIN)
        self.assertEqual(sorted(path.name for path in home.iterdir()), ["Makefile", "x.c"])
        status, out, err = self.run_on("--write", home)
        self.assertEqual((status, out, err), (0, "1 files move by the line; changed: x.c, Makefile\n", ""))
        self.assertIn("#include <linux/workqueue.h>\n\n#include <cmwq2/shim.h>\n\nstatic void fn",
                      (home / "x.c").read_text())
        status, _, err = self.run_on(home)
        self.assertEqual((status, err), (1, f"port_driver.py: {home}/x.c: it includes a header of cmwq2 already\n"))

    def test_several_files(self):
        """All files of a module move, even if only one is named, by one prelude."""
        home = self.several()
        status, out, err = self.run_on("--write", home / "a.c")
        self.assertEqual((status, out, err), (0, "2 files move by a prelude; changed: cmwq2_prelude.h, Makefile\n", ""))
        self.assertIn("#include <linux/tty.h>\n\n#include <cmwq2/shim.h>\n", (home / "cmwq2_prelude.h").read_text())
        self.assertTrue((home / "Makefile").read_text().endswith(
            "obj-m := both.o\n\nifneq ($(CMWQ2),)\nccflags-y += -I$(CMWQ2)/include\n"
            "KBUILD_EXTRA_SYMBOLS += $(CMWQ2)/Module.symvers\n"
            "CFLAGS_a.o += -include $(src)/cmwq2_prelude.h\nCFLAGS_b.o += -include $(src)/cmwq2_prelude.h\nendif\n"))

    def test_path_in_sysfs(self):
        """A path that has the kernel's queues only is named, but not one in a comment."""
        home = self.outside({"Makefile": "obj-m := x.o\n", "x.c": f"{PLAIN}/* /sys/bus/workqueue */\n"
                             'const char *path = "/sys/bus/workqueue/devices/x";\n'})
        status, out, _ = self.run_on(home / "x.c")
        self.assertEqual(status, 0)
        self.assertEqual(out.splitlines()[-2:], [
            f"{home}/x.c:6: /sys/bus/workqueue has the kernel's queues only; those of cmwq2 are in /sys/bus/cmwq2",
            "1 files move by the line; --write changes the files"])

    def test_one_of_several_drivers(self):
        """A file outside of the kernel's tree moves without the other drivers in its directory."""
        home = self.outside({"Makefile": "obj-m := x.o y.o\n", "x.c": PLAIN, "y.c": TTY % ("", "tty_queue(&mine);")})
        self.assertEqual(self.run_on(home / "x.c")[0], 0)
        self.assertEqual(self.run_on(home)[0], cli.FOUND)

    def test_shared_header(self):
        """Files of another driver that share a structure have to move together with this one."""
        self.several()
        self.put({"drivers/y/Makefile": "obj-m := y.o\n",
                  "drivers/y/y.c": '#include "../x/state.h"\nint y(struct state *s) { return s->id; }\n'})
        status, out, _ = self.run_on(self.tree / "drivers/x")
        self.assertEqual((status, out.splitlines()), (cli.FOUND, [
            "drivers/x/state.h:4: struct state is larger on cmwq2, and drivers/y/y.c include this header: name them, "
            "too, so that all move together", "2 of 2 files compile on cmwq2; nothing was changed"]))
        status, out, _ = self.run_on(self.tree / "drivers/x", self.tree / "drivers/y")
        self.assertEqual(status, 0, out)
        self.assertIn("+CFLAGS_a.o += -include $(src)/cmwq2_prelude.h\n", out)
        self.assertIn("+CFLAGS_y.o += -include $(src)/../x/cmwq2_prelude.h\n", out)

    def test_refused(self):
        """A driver that cannot move is left alone, with a line for each file."""
        home = self.outside({"Makefile": "obj-m := x.o\n",
                             "x.c": TTY % ("", "schedule_work(&tty->SAK_work);")})
        before = {path: path.read_text() for path in home.iterdir()}
        status, out, _ = self.run_on("--write", home)
        self.assertEqual(status, cli.FOUND)
        why = f"{home}/x.c:4: SAK_work of the kernel's struct tty_struct (include/linux/tty.h:6) belongs"
        self.assertTrue(out.startswith(why), out)
        self.assertIn("0 of 1 files compile on cmwq2; nothing was changed\n", out)
        self.assertEqual({path: path.read_text() for path in home.iterdir()}, before)

    def test_half_a_driver(self):
        """A directory with a file that does not compile is refused as a whole, in the kernel's tree and outside."""
        home = self.outside({"Makefile": "obj-m := x.o y.o\n", "x.c": PLAIN, "y.c": "int y = z;\n"})
        self.put({"drivers/h/Makefile": "obj-m := x.o y.o\n", "drivers/h/x.c": PLAIN, "drivers/h/y.c": "int y = z;\n"})
        for path in (home, self.tree / "drivers/h"):
            status, out, err = self.run_on(path)
            self.assertEqual((status, out), (1, ""))
            self.assertRegex(err, rf"^[^ ]* {path}: not all of its files .*y\.c:1:9: error: .*undeclared.*\n$")
        self.assertEqual(self.run_on(home / "x.c")[0], 0)

    def test_special_files(self):
        """Links to nowhere and pipes in the directory of a driver are passed over."""
        home = self.outside({"Makefile": "obj-m := x.o\n", "x.c": PLAIN})
        (home / "link.c").symlink_to("nowhere.c")
        os.mkfifo(home / "pipe.h")
        (self.home / "alone").mkdir()
        os.mkfifo(self.home / "alone/pipe.c")
        self.assertEqual(self.run_on(home)[0], 0)
        status, _, err = self.run_on(self.home / "alone/pipe.c")
        self.assertEqual((status, err.count("not a C source")), (1, 1), err)

    def test_bad_input(self):
        """One line that names the value and what is allowed."""
        home = self.outside({"Makefile": "obj-m := x.o\n", "x.c": "int x = y;\n", "x.h": ""})
        bare = self.home / "bare"
        bare.mkdir()
        (bare / "z.c").write_text(PLAIN)
        self.put({"drivers/in/in.c": PLAIN, "drivers/in/Makefile": "built = in\n"})
        other = self.home / "other"
        (other / "scripts").mkdir(parents=True)
        for name in ("MAINTAINERS", "scripts/Kconfig.include", "w.c"):
            (other / name).write_text("")
        for path, words in ((home / "none.c", "no such file or directory"),
                            (home / "x.h", "not a C source; allowed: files that end in .c, and directories"),
                            (home / "x.c", r"x\.c: it does not compile as it is: .*x\.c:1:9: error: .* undeclared"),
                            (home, r"none of its files was compiled .*x\.c:1:9: error: .* undeclared"),
                            (self.tree / "drivers/in/in.c", "the configuration of this kernel does not make a module"),
                            (bare / "z.c", "neither Kbuild nor Makefile is there"),
                            (bare, "neither Kbuild nor Makefile is there"),
                            (other / "w.c", "it is in the kernel tree .*, but the kernel of --kdir was made from")):
            with self.subTest(path=path.name):
                status, out, err = self.run_on(path)
                self.assertEqual((status, out, err.count("\n")), (1, "", 1), err)
                self.assertRegex(err, words)
                self.assertIn(str(path.parent), err)
        self.assertRegex(self.run_on(home, bare / "z.c")[2],
                         rf": {bare}/z.c: it is not in {home}; allowed outside .*\n$")
        self.assertRegex(self.run_on(home, self.tree / "drivers/in")[2],
                         rf": {self.tree}/drivers/in is in the kernel's tree and {home} is not; allowed: .*\n$")
        # An empty path would be the current directory.
        status, out, err = self.run_on("")
        self.assertEqual((status, out, err.count("an empty path; allowed: ")), (2, "", 1), err)

    def test_bad_kernel(self):
        """So does a --kdir that is no kernel, or is not prepared."""
        (self.home / "empty").mkdir()
        for path, words in ((self.home / "empty", "no kernel was configured there"), (self.tree, "not prepared")):
            (self.tree / "include/generated/autoconf.h").unlink(missing_ok=True)
            err = io.StringIO()
            with contextlib.redirect_stderr(err):
                self.assertEqual(main.main(["--kdir", str(path), "x.c"]), 1)
            self.assertRegex(err.getvalue(), rf"^port_driver.py: {path}: .*{words}.*\n$")


if __name__ == "__main__":
    unittest.main()
