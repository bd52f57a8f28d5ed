#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of package.py: what is installed works without the checkout, and shares no name with modules of others."""

import ast
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

TOOLS = Path(__file__).resolve().parent
sys.path.insert(0, str(TOOLS))
import cli
import package

# Imports every module of the package below the directory argv[1], and prints the modules of the tools that came from
# elsewhere.
IMPORT_ALL = """
import importlib, pathlib, sys
where = pathlib.Path(sys.argv[1])
sys.path.insert(0, str(where))
for path in sorted(where.rglob("*.py")):
    name = ".".join(path.relative_to(where).with_suffix("").parts)
    importlib.import_module(name.removesuffix(".__init__"))
print(*sorted(name for name in sys.modules if name.partition(".")[0] in sys.argv[2:]))
"""


def python(*words: object) -> tuple:
    """Run Python without this checkout in its path. Return the exit status, the output and the errors."""
    done = subprocess.run([sys.executable, "-I", "-B", *map(str, words)], cwd="/", text=True, capture_output=True,
                          check=False)
    return done.returncode, done.stdout, done.stderr


class Imports(unittest.TestCase):
    def test_rewritten(self) -> None:
        """An import of one of the tools gets the name of the package, and nothing else changes."""
        for old, new in (("import cli\n", "from cmwq2 import cli\n"),
                         ("import cli  # noqa\n", "from cmwq2 import cli  # noqa\n"),
                         ("from wq import dump, script\n", "from cmwq2.wq import dump, script\n"),
                         ("if x:\n    from wq.lists import (\n        a)\n",
                          "if x:\n    from cmwq2.wq.lists import (\n        a)\n"),
                         ("import tables as t\n", "from cmwq2 import tables as t\n"),
                         ("import client\nimport os, sys\nfrom .wq import x\nfrom cmwq2 import y\n", None),
                         ('"""import cli"""\n# import cli\n', None)):
            self.assertEqual(package.rewritten(old), new or old)

    def test_refused(self) -> None:
        """An import that needs more than another name is refused, because the installed module would not work."""
        for text in ("import wq.dump\n", "import os, cli\n", "from \\\n  wq import x\n"):
            with self.assertRaises(ValueError, msg=text):
                package.rewritten(text)


class License(unittest.TestCase):
    """The helpers that could go into drgn have its license, and so have the modules that they import."""

    TAG = "# SPDX-License-Identifier: LGPL-2.1-or-later\n"

    def needed(self, path: Path, found: set) -> set:
        """Add @path, and all modules of the tools that it imports, to @found. Return @found."""
        if path not in found:
            found.add(path)
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = [node.module or ""] if isinstance(node, ast.ImportFrom) else \
                    [each.name for each in node.names] if isinstance(node, ast.Import) else []
                for other in (TOOLS / f"{name.replace('.', '/')}.py" for name in names):
                    if other.is_file():
                        self.needed(other, found)
        return found

    def test_license(self) -> None:
        """Exactly these files have it, and the Debian package says so."""
        found: set = set()
        for name in ("cmwq2.py", "workqueue.py"):
            self.needed(TOOLS / name, found)
        self.assertIn(TOOLS / "wq/walks.py", found)
        have = {path for path in TOOLS.rglob("*.py") if path.read_text(encoding="utf-8").startswith(self.TAG)}
        self.assertEqual(sorted(found), sorted(have))
        said = (TOOLS / "packaging/debian/copyright").read_text()
        files = re.search(r"^Files: (tools/cmwq2\.py\n(?: \S+\n)*)", said, re.M)
        assert files
        self.assertEqual(sorted(files[1].split()), sorted(f"tools/{path.relative_to(TOOLS)}" for path in found))


class Installed(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.home = Path(directory.name)
        self.files = package.lay_out(self.home)

    def test_stands_alone(self) -> None:
        """Every module of the package can be imported, and takes nothing from modules with the names in a checkout."""
        names = (*package.MODULES, *package.FOLDERS)
        self.assertEqual(python("-c", IMPORT_ALL, self.home, *names), (0, "\n", ""))

    def test_foreign_names_are_seen(self) -> None:
        """A module that still imports one by its name in the checkout is noticed."""
        (self.home / "tables.py").write_text("")
        with open(self.home / "cmwq2/cli.py", "a") as file:
            file.write("\nimport tables\n")
        status, out, _ = python("-c", IMPORT_ALL, self.home, "tables")
        self.assertEqual((status, out), (0, "tables\n"))

    def test_nothing_else(self) -> None:
        """The package has what was written, no test among it, and nothing that an older one has left."""
        (self.home / "cmwq2/old.py").write_text("")
        self.assertEqual(package.lay_out(self.home), self.files)
        self.assertEqual(sorted(path for path in self.home.rglob("*") if path.is_file()), sorted(self.files))
        self.assertEqual([path for path in self.files if path.name.startswith("test")], [])

    def test_commands(self) -> None:
        """pyproject.toml, package.py and cli.py have the same commands, each of which shows its help and version."""
        text = (TOOLS / "pyproject.toml").read_text()
        functions = dict(re.findall(r'^([\w-]+) = "cmwq2\.commands:(\w+)"$', text, re.M))
        self.assertEqual(functions, package.COMMANDS)
        self.assertEqual(sorted(cli.INSTALLED_AS.values()), sorted(package.COMMANDS))
        for command, function in package.COMMANDS.items():
            code = f"import sys; sys.path.insert(0, {str(self.home)!r}); sys.argv = ['x', sys.argv[1]]\n" \
                   f"from cmwq2.commands import {function}; {function}()"
            self.assertEqual(python("-c", code, "--version"), (0, f"{command} of cmwq2 {cli.version()}\n", ""))
            status, out, errors = python("-c", code, "--help")
            self.assertEqual((status, errors), (0, ""))
            self.assertRegex(out, rf"^usage: {command} ")
            self.assertNotRegex(out, "tools/(wq_|bench)")

    def test_without_drgn(self) -> None:
        """Without a kernel and drgn a command says so under its own name."""
        code = f"import sys; sys.path.insert(0, {str(self.home)!r}); sys.modules['drgn'] = None; sys.argv = ['x']\n" \
               "import importlib.util, os\nos.environ['PATH'] = ''\nimportlib.util.find_spec = lambda name: None\n" \
               "from cmwq2.commands import wq_dump; wq_dump()"
        self.assertEqual(python("-c", code), (1, "", "wq-dump: no kernel to look at: drgn has to run this, see "
                                                     "--help\n"))


if __name__ == "__main__":
    unittest.main()
