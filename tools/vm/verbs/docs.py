# SPDX-License-Identifier: GPL-2.0
"""`make docs`: makes the pages of Documentation/ with Sphinx, those of the API with the kernel's kernel-doc, and the
man pages and the completion of the commands with tools/manuals.py."""

import os
import re
import shutil
import sys
import time
from pathlib import Path

from base.common import EXIT_PASSED, OUT, ROOT, Problem, fresh_directory, output_of, run_logged, say, shown, took
from build import packages, source

DOCUMENTS = ROOT / "Documentation"
HOME = OUT / "docs"
LOG = OUT / "log/docs.log"
# The pages of the API: the title of each, and the folders or files that it is made from. Those with exported functions
# come first, because drivers need only them.
EXPORTED = ("The functions that drivers call", ("src",), ("-export",))
PAGES = {
    "kernel-doc-api": EXPORTED,
    "kernel-doc-headers": ("Structures and macros for drivers", ("include/cmwq2",), ()),
    "kernel-doc-base": ("Inside the engine: base", ("src/base",), ("-internal",)),
    "kernel-doc-core": ("Inside the engine: core", ("src/core",), ("-internal",)),
    "kernel-doc-wait": ("Inside the engine: wait", ("src/wait",), ("-internal",)),
    "kernel-doc-place": ("Inside the engine: place", ("src/place",), ("-internal",)),
    "kernel-doc-lab": ("Inside the engine: lab", ("src/lab",), ("-internal",)),
    "kernel-doc-look": ("Inside the engine: look", ("src/look",), ("-internal",)),
}


def titled(title: str, body: str) -> str:
    """Return a page with a title."""
    return f"{'=' * len(title)}\n{title}\n{'=' * len(title)}\n\n{body}"


def files(folders: tuple) -> list:
    """Return the C files below @folders that have kernel-doc."""
    found = sorted(path for folder in folders for path in (ROOT / folder).rglob("*.[ch]"))
    return [path for path in found
            if re.search(r"^/\*\*$", path.read_text(), re.M) and not path.name.endswith(".mod.c")]


def api_page(tree: Path, name: str) -> str:
    """Return a page of the API. @tree is the kernel source that has the tool."""
    title, folders, options = PAGES[name]
    paths = [path.relative_to(ROOT) for path in files(folders)]
    text = output_of([sys.executable, "-B", tree / "scripts/kernel-doc", "-rst", *options, *paths], cwd=ROOT)
    if ".. c:" not in text:
        raise Problem(f"kernel-doc found nothing for the page {name} in {', '.join(folders)}")
    return titled(title, f"Made from the comments in {', '.join(f'``{folder}/``' for folder in folders)}.\n\n{text}")


def commands_page() -> str:
    """Return the page with the help of every command."""
    sys.path.insert(0, str(ROOT / "tools"))
    import manuals
    parts = ["What each command prints with ``--help``. ``make help`` describes the verbs of the harness.\n"]
    for what, parser in sorted(manuals.parsers().items(), key=lambda each: each[1].prog):
        title = f"{parser.prog}: {what}"
        body = "".join(f"    {line}\n" if line else "\n" for line in parser.format_help().splitlines())
        parts.append(f"{title}\n{'-' * len(title)}\n\n::\n\n{body}")
    return titled("Commands", "\n".join(parts))


def sources(tree: Path) -> Path:
    """Write everything that Sphinx reads to a directory, and return it."""
    where = fresh_directory(HOME / "source")
    shutil.copytree(DOCUMENTS, where, dirs_exist_ok=True)
    shutil.copy(ROOT / "include/cmwq2/version.h", where)
    for name in PAGES:
        (where / f"{name}.rst").write_text(api_page(tree, name))
    # The width of the help does not depend on the terminal.
    os.environ["COLUMNS"] = "100"
    (where / "commands.rst").write_text(commands_page())
    return where


def manuals(venv: Path) -> Path:
    """Write man pages and completion, check that man can show the pages without a warning, and return their
    directory."""
    for name in ("man1", "bash", "zsh"):
        shutil.rmtree(HOME / name, ignore_errors=True)
    run_logged([venv / "bin/python", "-B", ROOT / "tools/manuals.py", HOME], LOG)
    if shutil.which("groff"):
        for page in sorted((HOME / "man1").iterdir()):
            said = 'groff -man -Tutf8 -ww -rLL=90n "$0" 2>&1 >/dev/null || echo failed'
            complaints = output_of(["sh", "-c", said, page])
            if complaints:
                raise Problem(f"{shown(page)}: {complaints.splitlines()[0]}")
    return HOME


def docs() -> int:
    """Make pages, man pages and completion below out/docs, and return the exit status. A warning of Sphinx is an
    error."""
    start = time.monotonic()
    LOG.unlink(missing_ok=True)
    tree = source.provide().tree
    venv = packages.documents_environment()
    where = sources(tree)
    html = fresh_directory(HOME / "html")
    run_logged([venv / "bin/sphinx-build", "-W", "--keep-going", "-q", "-E", "-j", "auto", "-d", HOME / "doctrees",
                "-b", "html", where, html], LOG)
    manuals(venv)
    pages, man = len(list(html.glob("*.html"))), len(list((HOME / "man1").iterdir()))
    say(f"{shown(html / 'index.html')}: {pages} pages; {shown(HOME / 'man1')}: {man} man pages; completion in "
        f"{shown(HOME / 'bash')} and {shown(HOME / 'zsh')}; in {took(start)}")
    return EXIT_PASSED
