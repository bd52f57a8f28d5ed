# SPDX-License-Identifier: GPL-2.0
"""Makes small changes in C sources, each of the kind that a slip of a programmer makes: mutations. Which lines are
changed is chosen by a seed."""

import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

# Lines that are no code, or whose change only alters what is printed, measured or checked.
LEFT_ALONE = re.compile(r"^\s*(?:#|/?\*|//|\}|case |default:|goto |static |struct |enum |extern |const |EXPORT|MODULE)"
                        r"|\\$|\bpr_\w+\(|\bWARN|\btrace_|lockdep_|might_sleep|printf|seq_|\bstat\.|cmwq2_point\("
                        r"|__acquire|__release|CMWQ2_PARAM|^\S")
# Calls whose removal alone makes each run hang at once, or changes nothing.
NOT_REMOVED = re.compile(r"lock|rcu_read|irq_|_init\(|INIT_|health|chore|latency")


@dataclass(frozen=True)
class Operator:
    """A kind of mutation: what it looks for in a line of code, and what it puts there."""

    name: str
    pattern: str
    other: object       # a string or a function of the match, as re.sub() takes it


def _swapped(**pairs: str) -> dict:
    return {**pairs, **{value: key for key, value in pairs.items()}}


_COMPARISONS = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="}
_WORDS = _swapped(list_add_tail="list_add", list_first_entry="list_last_entry", list_next_entry="list_prev_entry",
                  true="false")

OPERATORS = (
    Operator("comparison", r"(?<= )(<=?|>=?|==|!=)(?= )", lambda match: _COMPARISONS[match[1]]),
    Operator("logic", r"&&|\|\|", lambda match: "||" if match[0] == "&&" else "&&"),
    Operator("condition", r"^(\t+)if \((.+)\)$", r"\1if (!(\2))"),
    Operator("constant", r"(?<=[ (,-])(\d+)(?=[;,) ])", lambda match: str(int(match[1]) + 1)),
    Operator("barrier", r"^(\t+)smp_\w+\(\);", r"\1;"),
    Operator("barrier", r"\bsmp_store_release\(", "WRITE_ONCE(*"),
    Operator("barrier", r"\bsmp_load_acquire\(", "READ_ONCE(*"),
    Operator("list end", r"\b(list_add_tail|list_add|list_first_entry|list_last_entry|list_next_entry)\b(?=\()",
             lambda match: _WORDS[match[1]]),
    Operator("result", r"(?<=return )(true|false)(?=;)", lambda match: _WORDS[match[1]]),
    Operator("early return", r"^(\t\t+)return;$", r"\1;"),
    Operator("put", r"^(\t+)\w*(?:_put|_unused|_free)\w*\(.*\);$", r"\1;"),
    Operator("call", r"^(\t+)[a-z]\w+\(.*\);$", r"\1;"),
    Operator("assignment", r"^(\t+)[\w>.-]+ [|&+-]?= .*;$", r"\1;"),
    Operator("step", r"\+\+|--", lambda match: "--" if match[0] == "++" else "++"),
)


@dataclass(frozen=True)
class Mutation:
    """One line of one file, changed."""

    path: str           # below src/
    line: int           # from 1
    operator: str
    before: str
    after: str

    def apply(self, text: str) -> str:
        """Return @text, that of the file, with the line changed."""
        lines = text.splitlines(keepends=True)
        if lines[self.line - 1].rstrip("\n") != self.before:
            raise ValueError(f"{self.path}:{self.line} is another line")
        lines[self.line - 1] = self.after + "\n"
        return "".join(lines)

    def __str__(self) -> str:
        return f"{self.path}:{self.line}  {self.operator}: {self.before.strip()}  ->  {self.after.strip()}"


def _of_line(path: str, number: int, line: str) -> Iterator[Mutation]:
    for operator in OPERATORS:
        match = re.search(operator.pattern, line)
        if not match or operator.name in ("call", "put") and NOT_REMOVED.search(line):
            continue
        after = re.sub(operator.pattern, operator.other, line, count=1)     # type: ignore
        if after != line:
            yield Mutation(path, number, operator.name, line, after)


def candidates(path: str, text: str) -> list:
    """Return all mutations of @text, the C source @path below src/, with at least one for each line that has some."""
    found: list = []
    in_code = False
    for number, line in enumerate(text.splitlines(), 1):
        if line in ("{", "}"):
            in_code = line == "{"
        elif in_code and not LEFT_ALONE.search(line):
            found += _of_line(path, number, line)
    return found


def chosen(sources: Mapping[str, str], seed: int, count: int) -> list:
    """Return @count mutations of the @sources, texts by their paths, at most one of a line. The same @seed chooses the
    same. Operators that match rarely are chosen as often as others, as long as there are lines for them."""
    dice = random.Random(seed)
    by_operator: dict = {}
    for path in sorted(sources):
        for each in candidates(path, sources[path]):
            by_operator.setdefault(each.operator, []).append(each)
    found: list = []
    taken: set = set()
    while len(found) < count and by_operator:
        for name in sorted(by_operator):
            left = [each for each in by_operator[name] if (each.path, each.line) not in taken]
            if not left:
                del by_operator[name]
                continue
            one = dice.choice(left)
            taken.add((one.path, one.line))
            found.append(one)
    return found[:count]
