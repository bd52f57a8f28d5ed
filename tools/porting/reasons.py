# SPDX-License-Identifier: GPL-2.0
"""Says in one line why a file of a driver does not compile on cmwq2. The compiler's message is about types; the reason
names the item or queue, and the structure of the kernel that it lives in or the function of the kernel that takes
it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Optional

from porting.compiler import Message
from porting.place import without_comments
from porting.units import Kernel, Unit

ROOT = Path(__file__).resolve().parents[2]
INCLUDE = ROOT / "include"
SHIM = INCLUDE / "cmwq2/shim.h"
# The types of both engines, as the compiler names them.
KERNELS = r"struct (?:work_struct|delayed_work|rcu_work|workqueue_struct|workqueue_attrs|execute_work)\b"
OURS = r"struct cmwq2_(?:work|delayed_work|rcu_work|wq|attrs|execute_work)\b|cmwq2_work_func_t\b"
FUNCTIONS = r"work_func_t\b"


@dataclass(frozen=True)
class Reason:
    """Why a file cannot move. An empty text: nobody knows."""

    file: str
    line: int
    text: str
    obscure: bool = False

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}"


@cache
def refusals() -> frozenset:
    """Return all messages with which the shim refuses a name."""
    return frozenset(re.findall(r"CMWQ2_SHIM_REFUSED\(\"(.*?)\"\)", SHIM.read_text()))


MEMBER = re.compile(rf"^[ \t]+(?:{KERNELS})[ \t]*(\**)[ \t]*(\w+)[^;\n]*;", re.MULTILINE)
TAG = re.compile(r"^(?:typedef )?(?:struct|union) (\w+)[^;{}()\n]*\{", re.MULTILINE)


@cache
def members(header: Path) -> tuple:
    """Return (field, struct, line) for the work items and queues in the structures of a header. The structures of the
    workqueue's own header are items themselves, not what an item lives in."""
    if header.name == "workqueue.h":
        return ()
    text = without_comments(header.read_text(errors="replace"))
    found = []
    tags = [(match.start(), match[1]) for match in TAG.finditer(text)]
    for match in MEMBER.finditer(text):
        inside = [tag for start, tag in tags if start < match.start()]
        if inside:
            found.append((match[2], inside[-1], text.count("\n", 0, match.start(1)) + 1))
    return tuple(found)


def field_of(struct: str, field: str, unit: Unit, own: Kernel) -> str:
    """Return text about the work item or queue @field in the kernel's structure @struct, or ""."""
    for header in unit.headers:
        for name, tag, at in members(header) if own.is_own(header) else ():
            if (name, tag) == (field, struct):
                return f"{field} of the kernel's struct {struct} ({shown(header, own)}:{at})"
    return ""


def field_in(code: str, file: str, line: int, unit: Unit, own: Kernel) -> str:
    """Return text about the first field that @code, an expression or a statement, names and that is a work item or
    queue in a structure of the kernel, or "". If several structures have such a field, the one counts that @file names
    last before @line, or else the one that the source names at all."""
    source = unit.source.read_text(errors="replace")
    above = "\n".join(text_of(file, own).split("\n")[:line])
    own_headers = [header for header in unit.headers if own.is_own(header)]
    for name in re.findall(r"(?:->|\.)\s*(\w+)", code):
        found = {struct: f"{name} of the kernel's struct {struct} ({shown(header, own)}:{at})" for header in own_headers
                 for field, struct, at in members(header) if field == name}
        named = [struct for struct in found if f"struct {struct} " in above or f"struct {struct} " in source]
        if named or len(found) == 1:
            return found[max(named or found, key=lambda struct: above.rfind(f"struct {struct} "))]
    return ""


QUEUE = re.compile(r"^extern struct workqueue_struct \*(\w+);", re.MULTILINE)


@cache
def queues(header: Path) -> tuple:
    """Return (name, line) for the kernel's queues that a header declares. Those of the workqueue itself have twins."""
    if header.name == "workqueue.h":
        return ()
    text = header.read_text(errors="replace")
    return tuple((match[1], text.count("\n", 0, match.start()) + 1) for match in QUEUE.finditer(text))


def queue_in(code: str, unit: Unit, own: Kernel) -> str:
    """Return text about the first queue in @code that a header of the kernel declares, or ""."""
    words = set(re.findall(r"\w+", code))
    for header in unit.headers:
        for name, line in queues(header) if own.is_own(header) else ():
            if name in words:
                return f"the queue {name} ({shown(header, own)}:{line})"
    return ""


SYSFS = re.compile(r"/sys/(?:bus|devices/virtual)/workqueue\b")


def notes(unit: Unit, own: Kernel) -> list[str]:
    """Return one line for each path of the kernel's workqueue in sysfs that @unit or a private header of it names. The
    compiler does not see such a mistake."""
    found = []
    for path in dict.fromkeys([unit.source, *(path for path in unit.headers if not own.is_own(path))]):
        text = without_comments(path.read_text(errors="replace"))
        for match in SYSFS.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            found.append(f"{shown(path, own)}:{line}: {match[0]} has the kernel's queues only; those of cmwq2 are in "
                         f"{match[0].replace('workqueue', 'cmwq2')}")
    return found


def text_of(file: str, own: Kernel) -> str:
    """Return the text of @file, a path as shown() gives it, or ""."""
    try:
        return (own.tree / file).read_text(errors="replace")
    except OSError:
        return ""


def shown(path: Path, own: Kernel) -> str:
    """Return @path as a user of the kernel's tree names it."""
    for top in (own.tree, own.build):
        if top in path.parents:
            return str(path.relative_to(top))
    return str(path)


def place(message: Message, unit: Unit, own: Kernel) -> tuple[str, int]:
    """Return the file and line of the driver that @message is about, which may be where a macro is used."""
    spots = [(message.file, message.line), *((note.file, note.line) for note in message.notes)]
    for file, line in spots:
        path = (unit.cwd / file).resolve()
        if not own.is_own(path) and INCLUDE not in path.parents:
            return shown(path, own), line
    return message.file, message.line


def statement(file: str, line: int, own: Kernel) -> str:
    """Return the statement of the driver that begins in @line or goes on there, in one line."""
    lines = without_comments(text_of(file, own)).split("\n")
    if line > len(lines):
        return ""
    first = line - 1
    while first > 0 and not re.search(r"[;{}:]\s*$", lines[first - 1]) and lines[first - 1].strip():
        first -= 1
    last = line - 1
    while last + 1 < len(lines) and last < line + 12 and not re.search(r"[;{]\s*$", lines[last]):
        last += 1
    return " ".join(each.strip() for each in lines[first:last + 1]).strip()


# What the compiler says about a pointer to an item or a queue of the wrong engine.
PASSED = re.compile(r"passing argument (\d+) of '(\w+)' from incompatible pointer type")
STORED = re.compile(r"(?:assignment to|initialization of) '.*?'.* from incompatible pointer type '.*?'")
RETURNED = re.compile(r"returning '(.*?)' from a function with incompatible return type '(.*?)'")


def _passed(message: Message, code: str, file: str, line: int, unit: Unit, own: Kernel) -> str:
    match = PASSED.match(message.text)
    expected = next((note for note in message.notes if note.text.startswith("expected '")), None)
    if not match or not expected:
        return ""
    types = re.match(r"expected '(.*?)'(?: \{aka .*?\})? but argument is of type '(.*?)'", expected.text)
    if not types:
        return ""
    theirs = queue_in(code, unit, own) or field_in(code, file, line, unit, own)
    what = thing(types[1] + types[2])
    if re.search(OURS, types[1]) and not re.search(OURS, types[2]):
        return f"{theirs or owner(code, what)} belongs to the kernel's workqueue, and cmwq2 cannot take it"
    where = f"{shown((unit.cwd / expected.file).resolve(), own)}:{expected.line}"
    return f"the function {match[2]}() of the kernel ({where}) takes {what} of the kernel's workqueue only"


def thing(types: str) -> str:
    """Return what the pointer is about: an item, a queue, attributes or a function."""
    if re.search(r"workqueue_struct|cmwq2_wq\b", types):
        return "a queue"
    if re.search(r"attrs", types):
        return "attributes"
    return "a function for items" if re.search(r"\(\*\)|func_t", types) else "an item"


def owner(code: str, what: str) -> str:
    """Return text about @what, if the structure that it lives in is not known: the @code that uses it."""
    return f"in \"{short(code)}\" {what}"


def short(code: str) -> str:
    """Return @code, but not more than 70 characters of it."""
    code = " ".join(code.split())
    return code if len(code) <= 70 else f"{code[:67]}..."


def _stored(message: Message, code: str, file: str, line: int, unit: Unit, own: Kernel) -> str:
    match = STORED.match(message.text) or RETURNED.match(message.text)
    if not match or not re.search(f"{OURS}|{KERNELS}|{FUNCTIONS}", message.text):
        return ""
    theirs = field_in(code, file, line, unit, own) or f"\"{short(code)}\""
    return f"{theirs}: it is {thing(message.text)} of the kernel's workqueue on one side and of cmwq2 on the other"


CONTAINED = re.compile(r"container_of\w*\s*\([^,]*,\s*struct (\w+),\s*(\w+)")


def _in_macro(message: Message, unit: Unit, own: Kernel) -> str:
    """Return text about the item that a macro of the kernel, such as closure_type(), takes a structure from, or ""."""
    for note in message.notes:
        path = (unit.cwd / note.file).resolve()
        lines = text_of(str(path), own).split("\n") if own.is_own(path) else []
        found = CONTAINED.search(lines[note.line - 1]) if note.line <= len(lines) else None
        if found:
            return field_of(found[1], found[2], unit, own)
    return ""


def _mismatch(message: Message, code: str, file: str, line: int, unit: Unit, own: Kernel) -> str:
    if "pointer type mismatch in container_of()" not in message.text and "pointer type mismatch" not in message.text \
            and "comparison of distinct pointer types" not in message.text:
        return ""
    named = re.search(r"(?:container_of|from_work)\w*\s*\((.*)\)", code)
    names = [word.strip() for word in named[1].split(",")] if named else []
    theirs = field_in(f".{names[-1]}" if names else code, file, line, unit, own) or _in_macro(message, unit, own)
    return f"{theirs or owner(code, 'an item')} belongs to the kernel's workqueue, and cmwq2 cannot run its function"


def _plain(message: Message) -> str:
    """Return the message itself if a stranger understands it: those of the shim."""
    if message.text in refusals():
        return message.text
    late = re.match(r"static assertion failed: \"(.* names a work item or a queue behind .*)\"", message.text)
    return late[1] if late else ""


# The tags that the shim maps, less the part that both sides have in common.
TAGS = ("work_struct", "delayed_work", "rcu_work", "workqueue_struct", "workqueue_attrs", "execute_work")
RENAMED = {"work": "work_struct", "wq": "workqueue_struct", "attrs": "workqueue_attrs"}


def _renamed(message: Message, unit: Unit, own: Kernel) -> str:
    match = re.search(r"'(?:const )?struct (\w+)' has no member named 'cmwq2_(\w+)'", message.text)
    if not match:
        return ""
    name = RENAMED.get(match[2], match[2])
    theirs = field_of(match[1], name, unit, own)
    if theirs:
        return f"{theirs} belongs to the kernel's workqueue, and cmwq2 cannot take it"
    if name in TAGS:
        return (f"the field {name} of struct {match[1]} was declared before <cmwq2/shim.h> and has the name of a tag: "
                f"write #undef {name} behind that line, and struct cmwq2_{match[2]} for an item of cmwq2")
    return (f"the field {match[2]} of struct {match[1]} was declared before <cmwq2/shim.h> and has the name of a "
            f"function: write #undef {match[2]} behind that line and call cmwq2_{match[2]}() by its name")


def _declared(message: Message, unit: Unit, own: Kernel) -> str:
    match = re.match(r"conflicting types for '(\w+)'; have '.*cmwq2_", message.text)
    before = next((note for note in message.notes if note.text.startswith("previous declaration of")), None)
    if not match or not before:
        return ""
    header = (unit.cwd / before.file).resolve()
    if not own.is_own(header):
        return ""
    return (f"{match[1]}() is declared in a header of the kernel ({shown(header, own)}:{before.line}) with an item or "
            "a queue of the kernel's workqueue")


def of(message: Message, unit: Unit, own: Kernel) -> Reason:
    """Return the reason behind an error of the compiler."""
    file, line = place(message, unit, own)
    code = statement(file, line, own)
    text = _plain(message) or _renamed(message, unit, own) or _declared(message, unit, own)
    for explain in (_passed, _stored, _mismatch):
        text = text or explain(message, code, file, line, unit, own)
    return Reason(file, line, text or message.text, not text)


def first(found: Sequence[Message], unit: Unit, own: Kernel) -> Optional[Reason]:
    """Return the reason behind the first error. Errors that follow from it are not looked at."""
    errors = [message for message in found if message.kind == "error"]
    return of(errors[0], unit, own) if errors else None
