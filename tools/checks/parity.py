# SPDX-License-Identifier: GPL-2.0
"""
Compare the workqueue API of a kernel with ours, name by name.

Usage: ``parity.py [--write] KERNEL``, or ``make parity``. KERNEL is a source
tree, a directory in which a kernel was built, or the build directory of an
installed headers package. The latter has only headers, so only these are
compared then.

Every public name must have a twin here, whose name follows from the naming rule
or is in ``parity.toml``, or ``parity.toml`` must have a reason why there is none.
The resulting table is printed. It is also in ``Documentation/api.rst``, and
``include/cmwq2/shim.h`` has definitions made from it. Both files are compared
with the table, or updated by --write.

Exit status: 0: every name has a twin or a reason and the files are up to date;
1: otherwise, with a line on stderr for each problem; the rest as in ``cli.py``.
"""

import re
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Optional

import cli
import tables
from toml_reader import tomllib

ROOT = Path(__file__).resolve().parents[2]
TABLE = "tools/parity.toml"
API = "Documentation/api.rst"
SHIM = "include/cmwq2/shim.h"

# The kernel series for which the table is complete. Other kernels lack some of its names. Older kernels
# also have names of their own, which are in the section "older" of the table.
SERIES = "7.3"

HEADERS = ("include/linux/workqueue_types.h", "include/linux/workqueue.h")
ENGINE = "kernel/workqueue.c"
TRACE = "include/trace/events/workqueue.h"

TYPE, FIELD, CONSTANT, MACRO, FUNCTION, QUEUE, PARAMETER, SYSFS, TRACEPOINT = (
    "Types", "Fields", "Constants and flags", "Macros", "Functions", "System queues", "Parameters", "sysfs files",
    "Tracepoints")
KINDS = (TYPE, FIELD, CONSTANT, MACRO, FUNCTION, QUEUE, PARAMETER, SYSFS, TRACEPOINT)
# The kinds that a twin may have, by the kind of the kernel's name, if they may differ.
ALIKE = {FUNCTION: (FUNCTION, MACRO), MACRO: (FUNCTION, MACRO, CONSTANT), CONSTANT: (CONSTANT, MACRO)}


class Wrong(cli.Error):
    """A problem that the user can fix."""


@dataclass(frozen=True)
class Name:
    """A public name and its properties."""

    kind: str
    name: str
    aggregate: bool = False     # a struct or union, named by its tag
    call: bool = False          # a macro that takes arguments
    inline: bool = False        # a function with its body in the header
    takes: int = -1             # number of arguments; -1: any number, or neither a function nor a macro
    count: int = 1              # sysfs: in how many directories there is such a file

    @property
    def key(self) -> str:
        """The key by which parity.toml names it."""
        prefix = {PARAMETER: "parameter:", SYSFS: "sysfs:", TRACEPOINT: "tracepoint:"}
        return prefix.get(self.kind, "") + self.name


Names = dict[str, Name]


def without_comments(text: str) -> str:
    """Return @text, C code, with its comments removed and continued lines joined."""
    text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.DOTALL)
    return text.replace("\\\n", " ")


def declarations(text: str) -> Iterator[tuple[str, str]]:
    """
    Yield the declarations of a header without its preprocessor lines.

    :return: the text before the first brace or the semicolon, and the text in the
        braces
    """
    text = re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE)
    head = body = ""
    depth = 0
    for char in text:
        if depth:
            depth += {"{": 1, "}": -1}.get(char, 0)
            if depth:
                body += char
            # A function ends with its brace, all others with a semicolon.
            elif head.rstrip().endswith(")"):
                yield head.strip(), body or " "
                head = body = ""
        elif char == "{":
            depth = 1
        elif char == ";":
            if head.strip():
                yield head.strip(), body
            head = body = ""
        else:
            head += char


ATTRIBUTE = re.compile(r"__(printf|compiletime_warning|compiletime_error|attribute__)\s*(\((?:[^()]|\([^()]*\))*\))")


def declared(head: str, body: str) -> Iterator[Name]:
    """Yield the names that one declaration makes public."""
    head = " ".join(ATTRIBUTE.sub(" ", head).split())
    pointer = re.search(r"\(\s*\*\s*(\w+)\s*\)", head)
    tag = re.match(r"(struct|union|enum)\s*(\w*)$", head)
    if head.startswith("typedef"):
        yield Name(TYPE, pointer[1] if pointer else re.findall(r"\w+", head)[-1])
    elif tag:
        if tag[2]:
            yield Name(TYPE, tag[2], aggregate=tag[1] != "enum")
        if tag[1] == "enum":
            yield from (Name(CONSTANT, member) for member in re.findall(r"(?:^|,)\s*(\w+)", flat(body)))
        else:
            yield from (Name(FIELD, f"{tag[2]}.{member}") for member in members(body))
    elif "(" in head:
        name = re.search(r"(\w+)\s*\((.*)\)", head)
        if name:
            yield Name(FUNCTION, name[1], inline=bool(body), takes=takes(name[2]))
    elif re.match(r"extern\b", head):
        yield Name(QUEUE, re.findall(r"\w+", head)[-1])


def members(body: str) -> list[str]:
    """Return the names of a struct's fields."""
    body = re.sub(r"\(\s*\*\s*(\w+)\s*\)\s*\([^()]*\)", r" \1", body)
    body = re.sub(r"\[[^]]*\]", "", body)
    return re.findall(r"(\w+)\s*[,;]", body)


def takes(arguments: str) -> int:
    """Return the number of arguments. A variable part after others counts as one."""
    arguments = flat(arguments).strip()
    return -1 if arguments == "..." else 0 if arguments in ("", "void") else arguments.count(",") + 1


def flat(text: str) -> str:
    """Return @text without parenthesized parts, whose commas do not separate arguments."""
    while "(" in text:
        shorter = re.sub(r"\([^()]*\)", "", text)
        if shorter == text:
            break
        text = shorter
    return text


def header_names(text: str) -> Names:
    """Return every name that a header makes public, except its include guard."""
    text = without_comments(text)
    guards = set(re.findall(r"^\s*#\s*ifndef\s+(\w+)\s*\n\s*#\s*define\s+\1\s*$", text, re.MULTILINE))
    found = {}
    for name, call in re.findall(r"^[ \t]*#[ \t]*define[ \t]+(\w+)(\([^)]*\))?", text, re.MULTILINE):
        if name not in guards:
            found[name] = Name(MACRO, name, call=bool(call), takes=takes(call[1:-1]) if call else -1)
    for head, body in declarations(text):
        for one in declared(head, body):
            known = found.get(one.name)
            # Keep the first of several declarations, such as "struct x { ... };" and "struct x;", or a function
            # that is a macro in some configurations. A function that is not inline replaces an inline one.
            if not known or one.kind == FUNCTION and known.kind == FUNCTION and not one.inline:
                found[one.name] = one
    return found


CONSTRUCTS = (
    (PARAMETER, r"\b(?:module_param|core_param)(?:_\w+)?\s*\(\s*(\w+)"),
    (PARAMETER, r"\b__setup\s*\(\s*\"workqueue\.(\w+)="),
    (SYSFS, r"\b(?:DEVICE_ATTR|__ATTR)(?:_R[OW]|_WO)?\s*\(\s*(\w+)"),
    (TRACEPOINT, r"\b(?:TRACE_EVENT|DEFINE_EVENT\s*\(\s*\w+\s*,)\s*\(?\s*(\w+)"),
)


def constructs(text: str) -> list[tuple[str, str]]:
    """Return what makes parameters, sysfs files and tracepoints in @text: CONSTRUCTS, and macros in @text that use
    them."""
    found = list(CONSTRUCTS)
    macros = re.findall(r"^[ \t]*#[ \t]*define[ \t]+(\w+)\(([^)]*)\)(.*)$", text, re.MULTILINE)
    for kind, construct in found:       # the list grows during the walk, because a macro may use such a macro
        for name, arguments, body in macros:
            names = [argument.strip() for argument in arguments.split(",")]
            for made in re.findall(construct, body):
                around = (kind, rf"\b{name}\s*\(" + r"[^,()]*," * (names.index(made) if made in names else 0)
                          + r"\s*(\w+)")
                if made in names and around not in found:
                    found.append(around)
    return found


def construct_names(text: str) -> Names:
    """Return the parameters, sysfs files and tracepoints that a source makes."""
    text = without_comments(text)
    counts: Counter = Counter()
    # Definitions of macros are removed, because each use of a macro counts instead.
    code = re.sub(r"^[ \t]*#.*$", "", text, flags=re.MULTILINE)
    for kind, construct in constructs(text):
        counts.update((kind, name) for name in re.findall(construct, code))
    made = (Name(kind, name, count=count) for (kind, name), count in counts.items())
    return {one.key: one for one in made}


@dataclass
class Kernel:
    """A kernel's side of the comparison."""

    version: str
    names: Names
    whole: bool         # the tree has more than headers


def tree_of(kdir: Path) -> Path:
    """Return the tree with the headers of @kdir, which may be a build directory outside of its source."""
    if (kdir / HEADERS[1]).is_file():
        return kdir
    link, makefile = kdir / "source", kdir / "Makefile"
    if (link / HEADERS[1]).is_file():
        return link.resolve()
    if makefile.is_file():
        for tree in re.findall(r"^(?:export )?(?:include|KBUILD_OUTPUT *=|abs_srctree *:?=) *(\S+?)(?:/Makefile)?$",
                               makefile.read_text(), re.MULTILINE):
            # Debian's two packages of headers are in neighbouring directories. In a chroot the absolute path is wrong.
            for path in (Path(tree), kdir.parent / Path(tree).name):
                if (path / HEADERS[1]).is_file():
                    return path
    raise Wrong(f"{kdir}: no {HEADERS[1]} in it nor in the source it was built from; allowed: a kernel source tree, "
                "a directory a kernel was built in, the build directory of an installed headers package")


def read_kernel(kdir: Path) -> Kernel:
    """Return the version and the names of the kernel of @kdir."""
    tree = tree_of(kdir)
    names = header_names("\n".join((tree / name).read_text() for name in HEADERS if (tree / name).is_file()))
    for name in (ENGINE, TRACE):
        if (tree / name).is_file():
            names.update(construct_names((tree / name).read_text()))
    text = (tree / "Makefile").read_text() if (tree / "Makefile").is_file() else ""
    parts = [re.search(rf"^{key} *= *(\d+)$", text, re.MULTILINE) for key in ("VERSION", "PATCHLEVEL", "SUBLEVEL")]
    return Kernel(".".join(part[1] for part in parts if part), names, (tree / ENGINE).is_file())


@dataclass
class Ours:
    """Our side of the comparison."""

    names: Names
    exported: set

    def lacks(self, twin: str, of: Name) -> str:
        """Return why @twin cannot be the twin of @of, or ''."""
        have = self.names.get(twin)
        if not have or have.kind not in ALIKE.get(of.kind, (of.kind,)):
            return "there is none"
        if have.kind in (FUNCTION, QUEUE) and not have.inline and twin not in self.exported:
            return "it is not exported"
        if -1 not in (have.takes, of.takes) and have.takes != of.takes:
            return f"it takes {have.takes} arguments, the kernel's {of.takes}"
        if have.count < of.count:
            return f"{of.count} directories of the kernel have one, {have.count} of ours"
        return ""


def read_ours(root: Path = ROOT) -> Ours:
    """Return the names that this tree has."""
    api = [root / "include/cmwq2/workqueue.h"]
    api += [root / "include" / name for name in re.findall(r"#include <(cmwq2/\w+\.h)>", api[0].read_text())]
    names = header_names("\n".join(path.read_text() for path in api))
    sources = sorted((root / "src").rglob("*.[ch]")) + sorted((root / "include").rglob("*.h"))
    text = "\n".join(path.read_text() for path in sources)
    names.update(construct_names(text))
    return Ours(names, set(re.findall(r"\bEXPORT_(?:TRACEPOINT_)?SYMBOL(?:_GPL)?\((\w+)\)", text)))


TWIN = re.compile(r"_*(cmwq2|CMWQ2)_\w+(\.\w+)?$")


@dataclass
class Table:
    """The content of parity.toml."""

    names: dict[str, str]       # of SERIES
    older: dict[str, str]       # of older kernels only
    elsewhere: dict[str, str]   # names of other headers that the shim has to refuse or to map

    def get(self, key: str) -> str:
        """Return the entry for @key, a twin or a reason, or "" if there is none."""
        return self.names.get(key) or self.older.get(key) or ""


def read_table(path: Path = ROOT / TABLE) -> Table:
    """Read parity.toml, which has the names that do not follow the naming rule."""
    try:
        sections = tomllib.loads(path.read_text())
        table = Table(**sections)
    except (tomllib.TOMLDecodeError, TypeError) as error:
        raise Wrong(f"{path}: {error}") from None
    for section in sections.values():
        for key, value in section.items():
            if not isinstance(value, str) or not value.strip() or '"' in value or len(value.split("\n")) > 1:
                raise Wrong(f"{path}: {key}: a twin or a reason is one line of text without quotes in it")
    return table


@dataclass
class Row:
    """A name of the kernel, with its twin, or the reason why there is none, or what is wrong."""

    of: Name
    twin: str = ""
    reason: str = ""
    wrong: str = ""


def by_rule(name: Name, struct: str = "") -> str:
    """Return the name of the twin by the naming rule. For a field, @struct is the twin of its struct."""
    if name.kind == FIELD:
        return f"{struct}.{name.name.split('.')[1]}"
    if name.kind in (PARAMETER, SYSFS):
        return name.key
    if name.kind == TRACEPOINT:
        return "tracepoint:cmwq2_" + name.name.removeprefix("workqueue_")
    bare = name.name.lstrip("_")
    prefix = "CMWQ2_" if bare == bare.upper() else "cmwq2_"
    return f"{'_' * (len(name.name) - len(bare))}{prefix}{bare}"


def judged(name: Name, said: str, rule: str, ours: Ours) -> Row:
    """Return the row of @name. @said is the table's entry, which is a twin, a reason or ''. @rule is the twin by the
    naming rule."""
    lacks = ours.lacks(rule, name)
    if TWIN.match(said):
        row = Row(name, twin=said, wrong=ours.lacks(said, name))
        if row.wrong:
            row.wrong = f"its twin {said}: {row.wrong}"
        elif said == rule:
            row.wrong = f"{TABLE} need not name its twin {said}: that is the rule"
        return row
    if said:
        return Row(name, reason=said, wrong="" if lacks else f"has a twin, {rule}, and a reason in {TABLE} why not")
    if lacks:
        return Row(name, wrong=f"no twin ({bare_key(rule)}: {lacks}) and no reason in {TABLE}")
    return Row(name, twin=rule)


def compare(kernel: Kernel, ours: Ours, table: Table) -> list[Row]:
    """Return a row for every name of the kernel."""
    rows: dict[str, Row] = {}
    for name in sorted(kernel.names.values(), key=lambda one: KINDS.index(one.kind)):
        struct = rows.get(name.name.split(".")[0])
        said = table.get(name.key)
        if struct and struct.reason and not said:
            said = struct.reason
        rows[name.key] = judged(name, said, by_rule(name, struct.twin if struct else ""), ours)
    return list(rows.values())


def without_twin(table: Table, ours: Ours) -> list[str]:
    """Return complaints about names of other headers whose twin does not exist."""
    return [f"{name}: its twin {twin} does not exist" for name, twin in table.elsewhere.items()
            if TWIN.match(twin) and twin not in ours.names]


def bare_key(key: str) -> str:
    """Return a key without the prefix that marks a parameter, sysfs file or tracepoint."""
    return key.partition(":")[2] or key


def stale(kernel: Kernel, table: Table) -> list[str]:
    """Return complaints about entries of the table whose name the kernel lacks, or has although it should not."""
    return [f"{key}: in {TABLE}, but the kernel has no such name" for key in table.names if key not in kernel.names] + \
        [f"{key}: in {TABLE} as of older kernels, but this one has it" for key in table.older if key in kernel.names]


TAG = re.compile(r"\bstruct\s+(?:work_struct|delayed_work|rcu_work|execute_work|workqueue_struct|workqueue_attrs)\b")


def other_headers(tree: Path) -> dict[str, str]:
    """Return the kernel's headers, except those of its workqueue, without comments, by their paths below include/."""
    top = tree / "include"
    return {str(path.relative_to(top)): without_comments(path.read_text(errors="replace"))
            for path in sorted(top.rglob("*.h")) if str(path.relative_to(tree)) not in HEADERS}


def unwatched(headers: dict[str, str], shim_text: str) -> list[str]:
    """Return headers that name work items or queues, but are in a directory that the shim does not know as one of the
    kernel's."""
    known = set(re.findall(r'CMWQ2_SHIM_IN\("(\w+)"\)', shim_text))
    return [f"include/{name} names work items or queues: CMWQ2_SHIM_IN_KERNEL_HEADER in {SHIM} lacks its directory"
            for name, text in headers.items() if name.split("/")[0] not in known and TAG.search(text)]


def expanding(headers: dict[str, str], names: Names, table: Table) -> list[str]:
    """
    Return macros of other headers that initialise an item or make a queue with one of the kernel's macros, or with
    another such macro. Behind the shim they would expand to our macros, so the shim has to refuse them. Names that
    begin with an underscore are meant for other macros and not for drivers.
    """
    macros = [(header, *macro) for header, text in headers.items()
              for macro in re.findall(r"^[ \t]*#[ \t]*define[ \t]+(\w+)(?:\([^)]*\))?(.*)$", text, re.MULTILINE)]
    found = {name.name for name in names.values() if name.kind == MACRO and name.call}
    where: dict[str, str] = {}
    while True:
        more = {name: header for header, name, body in macros
                if name not in found and found & set(re.findall(r"\w+", body))}
        if not more:
            break
        where.update(more)
        found |= more.keys()
    refused = {name.removesuffix("()") for name in table.elsewhere}
    return [f"{name} of include/{header} uses a macro that the shim redefines: {TABLE} has to refuse it"
            for name, header in sorted(where.items()) if not name.startswith("_") and name not in refused]


def shown(row: Row) -> tuple[str, str]:
    """Return the two columns of a row."""
    return row.of.name, bare_key(row.twin) or row.reason


# Where fewer columns are left beside the names, the other text goes below them.
NARROWEST = 24


def _row(name: str, text: str) -> str:
    """Return a row of two columns. On a terminal the second is wrapped, or goes below the first if that is long."""
    width = tables.width_now()
    if not width or len(name) + len(text) <= width:
        return name + text
    if width - len(name) < max(NARROWEST, *map(len, text.split())):
        return f"{name.rstrip()}\n" + textwrap.fill(text, width, initial_indent="    ", subsequent_indent="    ",
                                                    break_long_words=False, break_on_hyphens=False)
    return textwrap.fill(text, width, initial_indent=name, subsequent_indent=" " * len(name), break_long_words=False,
                         break_on_hyphens=False)


def print_rows(rows: list[Row]) -> None:
    """Print the table for the terminal, by kind of name. A name with neither a twin nor a reason is marked with "!"."""
    for kind in KINDS:
        of_kind = [row for row in rows if row.of.kind == kind]
        if of_kind:
            width = max(len(row.of.name) for row in of_kind)
            print(f"\n{kind}")
            for row in of_kind:
                name, text = shown(row)
                print(_row(f"  {name:{width}}  ", text if row.twin else f"- {text}" if row.reason else "!"))


def rst(rows: list[Row]) -> str:
    """Return the table for Documentation/api.rst."""
    lines: list[str] = []
    for kind in KINDS:
        of_kind = [row for row in rows if row.of.kind == kind and not row.wrong]
        if not of_kind:
            continue
        width = max(len(row.of.name) for row in of_kind) + 4
        rule = "=" * width + "  " + "=" * 60
        lines += ["", kind, "-" * len(kind), "", rule, f"{'Linux':{width}}  cmwq2, or why not", rule]
        for row in of_kind:
            name, text = shown(row)
            wrapped = [f"``{text}``"] if row.twin else textwrap.wrap(text, 60, break_on_hyphens=False)
            lines.append(f"{f'``{name}``':{width}}  {wrapped[0]}")
            lines += [f"{'':{width}}  {line}" for line in wrapped[1:]]
        lines.append(rule)
    return "\n".join(lines) + "\n"


def definition(name: str, value: str, of: Optional[Name]) -> list[str]:
    """Return the lines with which the shim maps @name to its twin, or refuses it with the reason."""
    call = "(...)" if of and of.call else ""
    # A name that is a function or an enumerator in one version may be a macro in another.
    lines = [f"#undef {name}"]
    if not TWIN.match(value):
        return lines + [f"#define {name}{call} \\", f'\tCMWQ2_SHIM_REFUSED("{name}: {value}")']
    value += "(__VA_ARGS__)" if call else ""
    value = f"CMWQ2_SHIM_TAG {value}" if of and of.aggregate else value
    return lines + [f"#define {name}{call} {value}"]


def shim(rows: list[Row], table: Table) -> str:
    """Return the definitions for shim.h, for names of the kernel's header, of older kernels and of other headers."""
    lines: list[str] = []
    for kind in (TYPE, CONSTANT, MACRO, FUNCTION, QUEUE):
        lines += ["", f"/* {kind} */"]
        for row in rows:
            # A tag without a twin stays the kernel's. The constants of such an enum are refused, so it cannot be used.
            if row.of.kind == kind and not row.wrong and (row.twin or kind != TYPE):
                lines += definition(row.of.name, row.twin or row.reason, row.of)
    for section, title in ((table.older, "Of kernels before this one"), (table.elsewhere, "Names of other headers")):
        lines += ["", f"/* {title} */"]
        for name, value in section.items():
            if ":" not in name and "." not in name:
                lines += definition(name.removesuffix("()"), value,
                                    Name(MACRO, name, call=True) if name.endswith("()") else None)
    return "\n".join(lines) + "\n"


BEGIN, END = "Generated by tools/parity.py --write from here", "to here"


def with_generated(text: str, content: str, path: str) -> str:
    """Return @text with @content between its two marker lines."""
    begin, end = (re.search(rf"^.*{mark}.*\n", text, re.MULTILINE) for mark in (BEGIN, rf"\b{END}\b"))
    if not begin or not end or end.start() < begin.end():
        raise Wrong(f"{path}: no lines \"{BEGIN}\" and \"{END}\"")
    return text[:begin.end()] + content + "\n" + text[end.start():]


def update(rows: list[Row], table: Table, write: bool) -> list[str]:
    """Compare the generated parts of files with the table, or write them. Return what is out of date."""
    wrong = []
    for name, content in ((API, rst(rows)), (SHIM, shim(rows, table))):
        path = ROOT / name
        old = path.read_text()
        new = with_generated(old, content, name)
        if new == old:
            continue
        if write:
            path.write_text(new)
            print(f"{name} written")
        else:
            wrong.append(f"{name}: not up to date; `make parity WRITE=1` writes its table anew")
    return wrong


def parser() -> cli.Parser:
    """Return the parser of the command line."""
    one = cli.Parser(prog="parity.py", description=__doc__.split("\n\n")[0].strip())
    one.add_argument("--write", action="store_true", help=f"update {API} and {SHIM}")
    one.add_argument("kernel", type=Path, metavar="KERNEL", help="source tree, build directory or headers package")
    return one


def _command(argv: Optional[list[str]]) -> bool:
    args = parser().parse_args(argv)
    kernel, table = read_kernel(args.kernel), read_table()
    ours = read_ours()
    rows = compare(kernel, ours, table)
    print_rows(rows)
    wrong = [f"{row.of.name} ({row.of.kind}): {row.wrong}" for row in rows if row.wrong] + without_twin(table, ours)
    if kernel.version.startswith(f"{SERIES}.") and kernel.whole:
        wrong += stale(kernel, table)
        headers = other_headers(tree_of(args.kernel))
        wrong += unwatched(headers, (ROOT / SHIM).read_text()) + expanding(headers, kernel.names, table)
        wrong += update(rows, table, args.write)
    said = [f"Linux {kernel.version}: {len(rows)} names, {sum(bool(row.twin) and not row.wrong for row in rows)} with "
            f"a twin, {sum(bool(row.reason) and not row.wrong for row in rows)} with a reason why not, "
            f"{len(wrong)} problems"]
    if not kernel.whole:
        said.append(f"Only the header was compared, as the tree has no {ENGINE}: parameters and sysfs files are left "
                    "out")
    print("", tables.fitted("\n".join(said)), sep="\n")
    for line in wrong:
        print(f"parity.py: {line}", file=sys.stderr)
    return not wrong


def main(argv: Optional[list[str]] = None) -> int:
    """Run the command and return its exit status."""
    return cli.status("parity.py", lambda: _command(argv))


def program() -> NoReturn:
    """Run the command and exit with its status."""
    cli.run("parity.py", lambda: _command(None))
