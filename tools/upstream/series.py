# SPDX-License-Identifier: GPL-2.0
"""Makes a series of patches from edits, one for each, with a cover letter.

The patches are made by git in a repository that is thrown away. It has only the files that the edits change, first as
they are in the kernel."""

import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from upstream import edit

COVER = Path(__file__).resolve().parent / "cover.txt"
# The author if git knows none. The patches must get a real one before they are sent.
NOBODY = ("Your Name", "you@example.org")


class SeriesError(Exception):
    """The series cannot be made. The text is one line."""


@dataclass(frozen=True)
class Author:
    """Who signs the patches off."""

    name: str
    mail: str

    def __str__(self) -> str:
        return f"{self.name} <{self.mail}>"


def _git(where: Path, author: Author, *words: str, text: str = "") -> str:
    """Run git in the repository @where, with the settings of this module only, and return its output."""
    env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(where), "GIT_CONFIG_NOSYSTEM": "1",
           "GIT_AUTHOR_NAME": author.name, "GIT_AUTHOR_EMAIL": author.mail, "GIT_COMMITTER_NAME": author.name,
           "GIT_COMMITTER_EMAIL": author.mail}
    try:
        done = subprocess.run(["git", *words], cwd=where, env=env, input=text, text=True, capture_output=True)
    except FileNotFoundError:
        raise SeriesError("git is missing: apt-get install git") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise SeriesError(f"git {words[0]}: {said[-1] if said else f'status {done.returncode}'}")
    return done.stdout


def author_of(where: Path) -> Author:
    """Return the author that git is configured for in the directory @where, or NOBODY."""
    found = []
    for key in ("user.name", "user.email"):
        try:
            done = subprocess.run(["git", "config", key], cwd=where, text=True, capture_output=True)
        except FileNotFoundError:
            raise SeriesError("git is missing: apt-get install git") from None
        found.append(done.stdout.strip())
    return Author(*found) if all(found) else Author(*NOBODY)


def message(each: edit.Edit, author: Author) -> str:
    """Return the message of an edit's commit. Its tags are one block at the end."""
    text, _, tags = each.message.rpartition("\n\nFixes: ")
    tags = f"Fixes: {tags.strip()}\n" if text else ""
    return f"{each.subject}\n\n{(text or each.message).strip()}\n\n{tags}Signed-off-by: {author}\n"


def cover(template: str, values: Mapping) -> str:
    """Return the cover letter: @template with each {name} replaced by its value. Raises SeriesError for a name without
    a value."""
    def value(match: re.Match) -> str:
        if match[1] not in values:
            raise SeriesError(f"cover.txt: {{{match[1]}}}: allowed: {', '.join(values)}")
        return str(values[match[1]])
    return re.sub(r"\{(\w+)\}", value, template)


def make(edits: Sequence, tree: Path, into: Path, author: Author, letter: str) -> list:
    """
    Write the patches and the cover letter, and return their paths.

    :param edits: the edits, in the order of the patches
    :param tree: the kernel's source, which stays as it is
    :param into: an empty directory for the patches
    :param author: who signs them off
    :param letter: the cover letter, whose first line is its subject
    """
    with tempfile.TemporaryDirectory(prefix="cmwq2-series-") as name:
        top = Path(name)
        _git(top, author, "init", "--quiet", "--initial-branch=main")
        for file in dict.fromkeys(file for each in edits for file in each.files):
            (top / file).parent.mkdir(parents=True, exist_ok=True)
            if (tree / file).exists():
                (top / file).write_text((tree / file).read_text())
        _git(top, author, "add", ".")
        _git(top, author, "commit", "--quiet", "--allow-empty", "--message=the kernel")
        for each in edits:
            for file, text in edit.apply([each], top).items():
                (top / file).write_text(text)
            _git(top, author, "add", ".")
            _git(top, author, "commit", "--quiet", "--file=-", text=message(each, author))
        _git(top, author, "format-patch", "--quiet", "--cover-letter", "--output-directory", str(into),
             "--no-signature", f"-{len(edits)}")
    paths = sorted(into.glob("*.patch"))
    subject, _, body = letter.partition("\n")
    text = paths[0].read_text().replace("*** SUBJECT HERE ***", subject).replace("*** BLURB HERE ***", body.strip())
    paths[0].write_text(text)
    return paths
