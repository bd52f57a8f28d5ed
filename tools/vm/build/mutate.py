# SPDX-License-Identifier: GPL-2.0
"""Makes small changes in C sources, each of the kind that a slip of a programmer makes: mutations. Which lines are
changed is chosen by a seed. Others were made by hand, and are listed in a file as hunks."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from base.common import HERE, Problem

# Mutations that people have made, and those that change nothing that a test could notice. Each begins with a line "FILE
# FUNCTION: TEXT", which lines of four spaces continue. Then follow lines as in a diff. The lines before and after the
# change are found by their text.
BY_HAND, EQUIVALENT = HERE / "mutants/by_hand.txt", HERE / "mutants/equivalent.txt"
HAND = "by hand"

# Lines that are no code, or whose change only alters what is printed, measured or checked.
LEFT_ALONE = re.compile(r"^\s*(?:#|/?\*|//|\}|case |default:|goto |static |struct |enum |extern |const |EXPORT|MODULE)"
                        r"|\\$|\bpr_\w+\(|\bWARN|\btrace_|lockdep_|might_sleep|printf|seq_|cmwq2_write\(|\bstat\.|cmwq2_point\("
                        r"|__acquire|__release|CMWQ2_PARAM|^\S")
# Calls whose removal alone makes each run hang at once, or changes nothing.
NOT_REMOVED = re.compile(r"lock|rcu_read|irq_|_init\(|INIT_|health|chore|latency|touch_nmi")


@dataclass(frozen=True)
class Operator:
    """A kind of mutation: what it looks for in a line of code, and what it puts there."""

    name: str
    pattern: str
    other: object       # a string or a function of the match, as re.sub() takes it


def _swapped(**pairs: str) -> dict:
    return {**pairs, **{value: key for key, value in pairs.items()}}


# A statement that stands alone in its line, and those that a lock protects from the next or the previous one.
_STATEMENT = re.compile(r"^(\t+)(?!return|break|continue|goto|\})[\w*(].*;$")
_LOCK = re.compile(r"^\t+\w*(?<!try|.un)lock(?:_\w+)?\(.*\);$")
_UNLOCK = re.compile(r"^\t+\w*unlock(?:_\w+)?\(.*\);$")
LOCK_SCOPE = "lock scope"

_COMPARISONS = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="}
_WORDS = _swapped(list_add_tail="list_add", list_first_entry="list_last_entry", list_next_entry="list_prev_entry",
                  true="false")

OPERATORS = (
    Operator("comparison", r"(?<= )(<=?|>=?|==|!=)(?= )", lambda match: _COMPARISONS[match[1]]),
    Operator("logic", r"&&|\|\|", lambda match: "||" if match[0] == "&&" else "&&"),
    Operator("condition", r"^(\t+)if \((.+)\)$", r"\1if (!(\2))"),
    # Not in a text.
    Operator("constant", r'^((?:[^"]|"[^"]*")*?[ (,-])(\d+)(?=[;,) ])', lambda match: f"{match[1]}{int(match[2]) + 1}"),
    Operator("barrier", r"^(\t+)smp_\w+\(\);", r"\1(void)0;"),
    Operator("barrier", r"\bsmp_store_release\(", "WRITE_ONCE(*"),
    Operator("barrier", r"\bsmp_load_acquire\(", "READ_ONCE(*"),
    Operator("list end", r"\b(list_add_tail|list_add|list_first_entry|list_last_entry|list_next_entry)\b(?=\()",
             lambda match: _WORDS[match[1]]),
    Operator("result", r"(?<=return )(true|false)(?=;)", lambda match: _WORDS[match[1]]),
    Operator("early return", r"^(\t\t+)return;$", r"\1(void)0;"),
    Operator("put", r"^(\t+)\w*(?:_put|_unused|_free)\w*\(.*\);$", r"\1(void)0;"),
    Operator("call", r"^(\t+)[a-z]\w+\(.*\);$", r"\1(void)0;"),
    Operator("assignment", r"^(\t+)[\w>.-]+ [|&+-]?= .*;$", r"\1(void)0;"),
    # Not that of a loop, which would only never end.
    Operator("step", r"^(?!\t+for )(.*?)(\+\+|--)", lambda match: match[1] + ("--" if match[2] == "++" else "++")),
)


@dataclass(frozen=True)
class Function:
    """A function in a C source: its name, the first line of its head, that of its body, and the last one."""

    name: str
    head: int
    body: int
    last: int
    text: str           # of the head

    @property
    def only_once(self) -> bool:
        """Whether it runs while the module is loaded or unloaded."""
        return "__init" in self.text or "__exit" in self.text


def functions(text: str) -> list:
    """Return the functions in @text, a C source in kernel style."""
    found, lines, head, body = [], text.split("\n"), 1, 0
    for number, line in enumerate(lines, 1):
        if line == "{":
            body = number
        elif line == "}" and body:
            before = "\n".join(lines[head - 1:body - 1])
            name = re.search(r"\b(?!__printf|__releases|__acquires|__must_hold)(\w+)\(", before)
            if name:
                found.append(Function(name[1], head, body, number, before))
            body = 0
        if not body and not re.match(r"[\w\t]", line):
            head = number + 1
    return found


@dataclass(frozen=True)
class Mutation:
    """Some lines of one file, changed."""

    path: str           # below src/
    line: int           # the first line that is changed, from 1
    operator: str
    before: str         # whole lines, without the last newline
    after: str
    function: str = ""
    vehicle: str = ""   # where it is noticed, if that is not the usual vehicle
    suites: tuple = ()  # those that notice it there
    nth: int = 0        # how many lines above it in the function give the same key

    @property
    def key(self) -> tuple:
        """What the mutation is found again by when the file has changed elsewhere, unless others are alike."""
        return self.path, self.function, self.before.strip(), self.after.strip()

    def apply(self, text: str) -> str:
        """Return @text, that of the file, with the lines changed."""
        lines, wanted, at = text.split("\n"), self.before.split("\n"), self.line - 1
        if lines[at:at + len(wanted)] != wanted:
            raise ValueError(f"{self.path}:{self.line} is another line")
        return "\n".join([*lines[:at], *self.after.split("\n"), *lines[at + len(wanted):]])

    def __str__(self) -> str:
        return f"{self.path}:{self.line} {self.function}, {self.operator}"

    def hunk(self) -> str:
        """Return the lines before and after the change, as a diff shows them."""
        old, new = self.before.split("\n"), self.after.split("\n")
        return "\n".join([*(f"-{line}" for line in old), *(f"+{line}" for line in new)])


def _of_line(path: str, number: int, line: str, function: str) -> Iterator[Mutation]:
    for operator in OPERATORS:
        match = re.search(operator.pattern, line)
        if not match or operator.name in ("call", "put") and NOT_REMOVED.search(line):
            continue
        after = re.sub(operator.pattern, operator.other, line, count=1)     # type: ignore
        if after != line:
            yield Mutation(path, number, operator.name, line, after, function)


def _of_two(path: str, number: int, first: str, second: str, function: str) -> Iterator[Mutation]:
    """Move a statement out of the lock that it follows, or that is dropped after it."""
    if any(LEFT_ALONE.search(line) or not _STATEMENT.match(line) for line in (first, second)):
        return
    indent = [len(line) - len(line.lstrip("\t")) for line in (first, second)]
    takes, drops = _LOCK.match(first), _UNLOCK.match(second)
    # Two locks in a row, or one that is dropped at once, have nothing between them.
    inside = second if takes else first
    if indent[0] == indent[1] and bool(takes) != bool(drops) and "lock" not in inside:
        yield Mutation(path, number, LOCK_SCOPE, f"{first}\n{second}", f"{second}\n{first}", function)


def candidates(path: str, text: str) -> list:
    """Return all mutations of @text, the C source @path below src/, with at least one for each line that has some."""
    found: list = []
    lines = text.split("\n")
    for function in functions(text):
        for number in range(function.body + 1, function.last):
            line = lines[number - 1]
            if not LEFT_ALONE.search(line):
                found += _of_line(path, number, line, function.name)
            found += _of_two(path, number, line, lines[number], function.name)
    alike: dict = {}
    for each in found:
        lines_of = alike.setdefault(each.key, [])
        lines_of += [each.line] if each.line not in lines_of else []
    return [replace(each, nth=alike[each.key].index(each.line)) for each in found]


def chosen(sources: Mapping[str, str], seed: int, count: int) -> list:
    """Return @count mutations of the @sources, texts by their paths, at most one of a line. The same @seed chooses the
    same, a greater @count only adds some, and a change in the sources replaces only mutations of what has changed.
    Operators that match rarely are chosen as often as others, as long as there are lines for them."""
    by_operator: dict = {}
    for path in sorted(sources):
        for each in candidates(path, sources[path]):
            by_operator.setdefault(each.operator, []).append(each)
    for those in by_operator.values():
        those.sort(key=lambda each: hashlib.sha256(repr((seed, each.operator, each.key)).encode()).digest())
        those.reverse()
    found: list = []
    taken: set = set()
    while len(found) < count and by_operator:
        for name, left in sorted(by_operator.items()):
            while left and (left[-1].path, left[-1].line) in taken:
                left.pop()
            if not left:
                del by_operator[name]
                continue
            one = left.pop()
            taken.add((one.path, one.line))
            found.append(one)
    return found[:count]


@dataclass(frozen=True)
class Hunk:
    """A change in a list: the file, the function, what is said about it, and the lines."""

    path: str
    function: str
    what: str
    before: str
    after: str

    @property
    def key(self) -> tuple:
        """As Mutation.key."""
        return self.path, self.function, self.before.strip(), self.after.strip()


def hunks(text: str) -> list:
    """Return the changes that are listed in @text, see BY_HAND."""
    found = []
    for block in filter(None, re.split(r"\n\n+", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).strip("\n"))):
        said = re.match(r"(\S+) (\w+): (.+(?:\n {4}.+)*)\n", block)
        lines = block[said.end():].split("\n") if said else []
        if not said or any(line[:1] not in " +-" for line in lines):
            raise Problem(f"this is no change with a file, a function and a reason: {block}")
        before, after = ("\n".join(line[1:] for line in lines if line[:1] in kinds) for kinds in (" -", " +"))
        found.append(Hunk(said[1], said[2], " ".join(said[3].split()), before, after))
    return found


def by_hand(sources: Mapping[str, str]) -> list:
    """Return the mutations of BY_HAND. At the end of what is said, "[VEHICLE SUITE...]" names where one is noticed if
    not on the usual vehicle. Raises Problem if the lines of one are not found exactly once."""
    found = []
    for hunk in hunks(BY_HAND.read_text()):
        lines, wanted = sources[hunk.path].split("\n"), hunk.before.split("\n")
        inside = [range(each.body, each.last) for each in functions(sources[hunk.path]) if each.name == hunk.function]
        places = [at for those in inside for at in those if lines[at:at + len(wanted)] == wanted]
        if len(places) != 1:
            raise Problem(f"{hunk.path} {hunk.function} does not have these lines once: {hunk.before}")
        where = re.search(r"\[([\w/]+)((?: \w+)+)\]$", hunk.what)
        found.append(Mutation(hunk.path, places[0] + 1, HAND, hunk.before, hunk.after, hunk.function,
                              where[1] if where else "", tuple(where[2].split()) if where else ()))
    return found


def equivalent() -> dict:
    """Return why the mutations of EQUIVALENT change nothing that a test could notice, by their keys."""
    return {hunk.key: hunk.what for hunk in hunks(EQUIVALENT.read_text())}
