# SPDX-License-Identifier: GPL-2.0
"""Reads and applies edits: changes to the kernel that are written without the code around them.

A patch repeats lines of the kernel as context. An edit names a place instead: a function or a structure, and a few
words in it, the anchor. So no passage of the kernel stands in this repository, and an edit still applies if the lines
around the place have changed. The file of an edit has

  * a head of lines NAME: TEXT. Subject is the subject of its commit. Kind is fix, test, policy, part or fault. Needs
    names the edits that must be applied first. Joins names edits, too: if all of them are applied, so is this one,
    which lets them work together. Policy says which policy of cmwq2 a parameter of the kernel's module workqueue stands
    for: `POLICY=VALUE by PARAMETER`, several separated by semicolons. Caught names the test that must catch a fault,
    and With the policies that must be switched on for that. Config has the options of the kernel's configuration that
    an edit brings along, NAME=VALUE.
  * the message of its commit, after an empty line
  * its changes. A line `--- FILE` names the file, and `@@ NAME` the place in it: `NAME()` a function with the comment
    above it, `struct NAME` or `enum NAME` a type, `file` the whole file, `above NAME()` what comes before a function
    and its comment, `new file` a file that the kernel does not have. The last two are followed by the new lines.
    Elsewhere actions come first: `after: ANCHOR` and `before: ANCHOR` insert lines behind or before the line with the
    anchor, `replace: ANCHOR` replaces the anchor itself, `comment: ANCHOR` replaces the comment that has the anchor,
    `cut: ANCHOR` removes the line. Each new line stands after a plus sign.

An anchor must be there exactly once. Any white space in it stands for any amount of white space.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

EDITS = Path(__file__).resolve().parent / "edits"
# Faults on purpose, which show what the suites catch in the kernel's own workqueue. They come after all edits.
FAULTS = EDITS.with_name("faults")
# The order in which edits are applied, and that of the patches in a series.
ORDER = "series"
ACTIONS = ("after", "before", "replace", "comment", "cut")
HEADS = ("Subject", "Kind", "Needs", "Joins", "Policy", "With", "Caught", "Config")
KINDS = ("fix", "test", "policy", "part", "fault")
NEW = "new file"


class EditError(Exception):
    """An edit is malformed, or does not apply. The text is one line that names the edit and the place."""


@dataclass
class Change:
    """One change of a file: at @place do @action with the new @lines. @where is what an error says."""

    file: str
    place: str
    action: str
    anchor: str
    where: str
    lines: list = field(default_factory=list)


@dataclass(frozen=True)
class Edit:
    """An edit, as its file has it."""

    name: str
    subject: str
    kind: str
    needs: tuple
    joins: tuple
    # The parameter of the kernel's module workqueue, by the policy of cmwq2 that it stands for.
    policies: Mapping
    # The policies that must be switched on for a fault to do harm.
    on: tuple
    caught: str
    # The options that the kernel's configuration needs, NAME=VALUE.
    config: tuple
    message: str
    changes: tuple

    @property
    def files(self) -> list:
        """The files that it changes, in order, each once."""
        return list(dict.fromkeys(change.file for change in self.changes))


def _head(text: str, name: str) -> dict:
    found: dict = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        key, colon, value = line.partition(": ")
        if not colon or key not in HEADS or key in found:
            raise EditError(f"{name}: its head has the line: {line}; allowed: {', '.join(HEADS)}, each once")
        found[key] = value.strip()
    for key in ("Subject", "Kind"):
        if key not in found:
            raise EditError(f"{name}: its head has no {key}")
    if found["Kind"] not in KINDS:
        raise EditError(f"{name}: Kind: {found['Kind']}; allowed: {', '.join(KINDS)}")
    return found


def _policies(text: str, name: str) -> dict:
    found = {}
    for part in filter(None, (each.strip() for each in text.split(";"))):
        match = re.fullmatch(r"(\w+=\w+) by (\w+)", part)
        if not match:
            raise EditError(f"{name}: Policy: {part}; allowed: POLICY=VALUE by PARAMETER")
        found[match[1]] = match[2]
    return found


def _changes(lines: Iterable, name: str) -> list:
    file = place = ""
    found: list = []
    for line in lines:
        head, colon, anchor = line.partition(": ")
        if line.startswith("--- "):
            file, place = line[4:].strip(), ""
        elif line.startswith("@@ "):
            place = line[3:].strip()
            if place.startswith("above ") or place == NEW:
                found.append(Change(file, place, "", "", f"{name}: {file}: {place}"))
        elif line.startswith("+") and found:
            found[-1].lines.append(line[1:])
        elif colon and head in ACTIONS and file and place:
            found.append(Change(file, place, head, anchor.strip(), f'{name}: {file}: {place}: "{anchor.strip()}"'))
        elif line.strip():
            raise EditError(f"{name}: this line is not part of a change: {line}")
    return found


def parse(text: str, name: str) -> Edit:
    """Return the edit whose file has the @text. Raises EditError if it is malformed."""
    head, _, rest = text.partition("\n\n")
    heads = _head(head, name)
    message, mark, body = rest.partition("\n--- ")
    changes = _changes(f"{mark.strip(chr(10))}{body}".splitlines(), name)
    if not changes:
        raise EditError(f"{name}: it changes nothing")
    needs, joins, on, config = (tuple(heads.get(key, "").split()) for key in ("Needs", "Joins", "With", "Config"))
    return Edit(name, heads["Subject"], heads["Kind"], needs, joins, _policies(heads.get("Policy", ""), name), on,
                heads.get("Caught", ""), config, f"{message.strip()}\n", tuple(changes))


def read(*folders: Path) -> dict:
    """Return all edits of @folders, of EDITS if there are none, by name in the order in which they are applied. Raises
    EditError."""
    found: dict = {}
    for path in (folder / name for folder in folders or (EDITS,) for name in (folder / ORDER).read_text().split()):
        name = path.name
        found[name] = parse(path.with_name(f"{name}.edit").read_text(), name)
        for head, others in (("Needs", found[name].needs), ("Joins", found[name].joins)):
            for other in others:
                if other not in found:
                    raise EditError(f"{name}: {head}: {other}: there is no such edit before it in {ORDER}")
    return found


def with_needs(names: Iterable, edits: Mapping) -> list:
    """Return the edits @names, all that they need, and all that join some of these, in the order in which they are
    applied."""
    wanted: set = set()

    def add(name: str) -> None:
        wanted.add(name)
        for needed in (*edits[name].needs, *edits[name].joins):
            add(needed)
    for name in names:
        add(name)
    for name, each in edits.items():
        if each.joins and wanted.issuperset(each.joins):
            add(name)
    return [edits[name] for name in edits if name in wanted]


def _comment_above(text: str, start: int) -> int:
    """Return where the comment begins that ends directly before @start, or @start if there is none."""
    above = text[:start]
    if not above.rstrip(" \t").endswith("*/\n"):
        return start
    begin = above.rfind("/*")
    return above.rfind("\n", 0, begin) + 1


def region(text: str, place: str, where: str) -> tuple:
    """Return where a @place begins and ends in the @text of a file. Raises EditError, with @where, if it is not there
    exactly once."""
    kind, _, name = place.rpartition(" ")
    if place == "file":
        return 0, len(text)
    if kind in ("struct", "enum"):
        pattern = rf"^{kind} {re.escape(name)} \{{"
    elif name.endswith("()") and kind in ("", "above"):
        pattern = rf"^(?:[a-z][^\n;{{}}()=]*)?\b{re.escape(name[:-2])}\((?:[^;{{}}]*)\{{"
    else:
        raise EditError(f"{where}: this is not a place; allowed: NAME(), struct NAME, enum NAME, above NAME(), "
                        f"file, {NEW}")
    found = list(re.finditer(pattern, text, re.MULTILINE))
    if len(found) != 1:
        raise EditError(f"{where}: the place was {'not found' if not found else f'found {len(found)} times'}")
    start = _comment_above(text, found[0].start())
    if kind == "above":
        return start, start
    end = re.compile(r"^\}.*\n", re.MULTILINE).search(text, found[0].end())
    return start, end.end() if end else len(text)


def _anchored(text: str, change: Change) -> tuple:
    """Return the begin and end of the change's anchor in @text."""
    start, end = region(text, change.place, change.where)
    pattern = r"\s+".join(re.escape(word) for word in change.anchor.split())
    found = list(re.finditer(pattern, text[start:end]))
    if len(found) != 1:
        raise EditError(f"{change.where}: the place was {'not found' if not found else f'found {len(found)} times'}")
    return start + found[0].start(), start + found[0].end()


def changed(text: str, change: Change) -> str:
    """Return the @text of a file with one change made. Raises EditError if its place was not found."""
    if change.place == NEW:
        return _block(change)
    if not change.action:
        at, _ = region(text, change.place, change.where)
        return f"{text[:at]}{_block(change)}\n{text[at:]}"
    begin, end = _anchored(text, change)
    if change.action == "replace":
        return text[:begin] + "\n".join(change.lines) + text[end:]
    if change.action == "comment":
        begin, closed = text.rfind("/*", 0, begin), text.find("*/", end)
        if begin < 0 or closed < 0:
            raise EditError(f"{change.where}: the place is not in a comment")
        end = closed + 2
    line, after = text.rfind("\n", 0, begin) + 1, text.find("\n", end) + 1
    if change.action == "after":
        return text[:after] + _block(change) + text[after:]
    if change.action == "before":
        return text[:line] + _block(change) + text[line:]
    return text[:line] + _block(change) + text[after:]


def _block(change: Change) -> str:
    return "".join(f"{line}\n" for line in change.lines)


def _read(tree: Path, change: Change) -> str:
    """Return the text of the change's file below @tree, which is empty if the change makes the file."""
    path = tree / change.file
    if change.place == NEW and path.exists():
        raise EditError(f"{change.where}: the file exists in {tree}")
    if change.place != NEW and not path.is_file():
        raise EditError(f"{change.where}: the file was not found in {tree}")
    return "" if change.place == NEW else path.read_text()


def apply(edits: Iterable, tree: Path) -> dict:
    """Return the new text of each file below @tree that the @edits change, by its path in the tree. The tree stays as
    it is. Raises EditError if a place was not found."""
    texts: dict = {}
    for edit in edits:
        for change in edit.changes:
            if change.file not in texts:
                texts[change.file] = _read(tree, change)
            texts[change.file] = changed(texts[change.file], change)
    return texts
