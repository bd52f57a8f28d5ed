# SPDX-License-Identifier: GPL-2.0
"""
Find structures that two files of a driver lay out differently.

Run ``layouts.py FILE...`` on object files or modules. Two layouts of one structure
arise if a driver moves only some of its files to cmwq2, or if it includes one of its
headers before <cmwq2/shim.h> in one file and after it in another, because a work item
of cmwq2 is larger than one of the kernel. Neither the compiler nor the linker reports
this. This script reads the debug information with readelf, and reports each structure
that has two layouts, and the files that have them.

Two structures count as the same if they have the same name, the same line of
definition and the same members. So structures that share only their name are not
reported.

Exit status 0: every structure has one layout; 3: some have more, with one line each;
the rest as in ``cli.py``.
"""

import re
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn, Optional

import cli

# The lines that readelf prints for an entry and for its attributes.
ENTRY = re.compile(r" *<([0-9a-f]+)><[0-9a-f]+>: Abbrev Number: \d+ \(DW_TAG_(\w+)\)")
ATTRIBUTE = re.compile(r" +<[0-9a-f]+> +DW_AT_(name|byte_size|decl_line|data_member_location|data_bit_offset) *: (.*)")
# The prefix of a value. It depends on the version of binutils: "(indirect string, offset: 0x1): " or
# "(strp) (offset: 0x1): ".
FORM = re.compile(r"(?:\([^)]*\):? )+")


@dataclass
class Entry:
    """One entry of the debug information."""

    depth: int
    tag: str
    attributes: dict[str, str] = field(default_factory=dict)

    def number(self, name: str) -> int:
        """Return the value of an attribute, -1 if it is missing or not a plain number."""
        value = (self.attributes.get(name) or "-1").split()[0]
        try:
            return int(value, 0)
        except ValueError:
            return -1


# The identity of a structure: name, line, names of members. Its layout: size in bytes, offsets of members in bits.
Which = tuple[str, int, tuple[str, ...]]
Layout = tuple[int, tuple[int, ...]]
Layouts = dict[Which, dict[Layout, set[str]]]


def entries(lines: Iterable[str]) -> Iterator[Entry]:
    """Parse the output of readelf and return it entry by entry."""
    entry = None
    for line in lines:
        match = ENTRY.match(line)
        if match:
            if entry:
                yield entry
            entry = Entry(int(match[1], 16), match[2])
        elif entry:
            match = ATTRIBUTE.match(line)
            if match:
                entry.attributes[match[1]] = FORM.sub("", match[2], count=1).strip()
    if entry:
        yield entry


def name_of(entry: Entry) -> str:
    """Return a name as the source has it. With the shim, the compiler sees cmwq2_flush_work instead of flush_work."""
    return entry.attributes.get("name", "").removeprefix("cmwq2_")


def add(layouts: Layouts, struct: Entry, members: list[Entry], where: str) -> None:
    """Record a structure, unless it has no name or is only declared."""
    size, name = struct.number("byte_size"), struct.attributes.get("name")
    if size < 0 or not name:
        return
    which = (name, struct.number("decl_line"), tuple(name_of(member) for member in members))
    offsets = tuple(max(member.number("data_member_location") * 8, member.number("data_bit_offset"))
                    for member in members)
    layouts[which][(size, offsets)].add(where)


def read(lines: Iterable[str], layouts: Layouts, path: str) -> bool:
    """Record all structures of a file. Return whether it has debug information."""
    where, seen = path, False
    struct: Optional[Entry] = None
    members: list[Entry] = []
    for entry in entries(lines):
        seen = True
        if struct and entry.depth <= struct.depth:
            add(layouts, struct, members, where)
            struct = None
        if entry.tag == "compile_unit":
            source = Path(entry.attributes.get("name", "?")).name
            where = f"{source} in {Path(path).name}" if path.endswith(".ko") else path
        elif entry.tag in ("structure_type", "union_type") and not struct:
            struct, members = entry, []
        elif struct and entry.tag == "member" and entry.depth == struct.depth + 1:
            members.append(entry)
    if struct:
        add(layouts, struct, members, where)
    return seen


def read_file(path: Path, layouts: Layouts) -> None:
    """Record the structures of an object file or module. Raises cli.Error."""
    if not path.is_file():
        raise cli.Error(f"{path}: no such file")
    try:
        with subprocess.Popen(["readelf", "--debug-dump=info", "--wide", path], text=True, errors="replace",
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            assert process.stdout
            seen = read(process.stdout, layouts, str(path))
    except FileNotFoundError:
        raise cli.Error("readelf is missing; it is in the package binutils") from None
    if not seen:
        raise cli.Error(f"{path}: no debug information; allowed: objects and modules of a kernel with "
                        "CONFIG_DEBUG_INFO")


def first_difference(which: Which, one: Layout, other: Layout) -> str:
    """Return text about the first member whose offset differs between two layouts, "" if there is none."""
    for name, here, there in zip(which[2], one[1], other[1]):
        if here != there:
            return f", and {name or 'an unnamed member'} is at {here // 8} and {there // 8}"
    return ""


def described(which: Which, found: dict[Layout, set[str]]) -> str:
    """Return one line about a structure with more than one layout."""
    kinds = sorted(found.items())
    sizes = "; ".join(f"{layout[0]} bytes in {shown(files)}" for layout, files in kinds)
    difference = first_difference(which, kinds[0][0], kinds[1][0])
    return f"struct {which[0]} (line {which[1]} of its file): {sizes}{difference}"


def shown(files: set[str]) -> str:
    """Return the names of at most three files, and how many more there are."""
    names = sorted(files)
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def parser() -> cli.Parser:
    """Return the parser of the command line."""
    one = cli.Parser(prog="layouts.py", description=__doc__.split("\n\n")[0].strip(),
                     epilog="The exit status is 3 if a structure has several layouts.\n")
    one.add_argument("files", nargs="+", type=Path, metavar="FILE", help="object or module with debug information")
    return one


def _command(argv: Optional[Sequence[str]]) -> bool:
    args = parser().parse_args(argv)
    layouts: Layouts = defaultdict(lambda: defaultdict(set))
    for path in args.files:
        read_file(path, layouts)
    wrong = [described(which, found) for which, found in sorted(layouts.items()) if len(found) > 1]
    for line in wrong:
        print(line)
    print(f"{len(args.files)} files, {len(layouts)} structures, {len(wrong)} with more than one layout")
    if wrong:
        # Not status 1, which would say that the files could not be judged.
        raise SystemExit(cli.FOUND)
    return True


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command and return its exit status."""
    return cli.status("layouts.py", lambda: _command(argv))


def program() -> NoReturn:
    """Run the command and exit with its status."""
    cli.run("layouts.py", lambda: _command(None))

