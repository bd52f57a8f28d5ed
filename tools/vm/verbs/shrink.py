# SPDX-License-Identifier: GPL-2.0
"""Makes a program of the fuzzer as small as possible, as long as it still breaks the same rule. A program is text, see
kunit/fuzz/text.c. Whether a smaller one breaks the rule is known only after it has run."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Callable


class OutOfTime(Exception):
    """There is no time to run more programs."""


@dataclass(frozen=True)
class Program:
    """A program: flags of the queues, kinds of the items, and operations, each as text."""

    queues: tuple = ()
    items: tuple = ()
    ops: tuple = ()

    def __str__(self) -> str:
        return ";".join([*(f"queue {each}" for each in self.queues), *(f"item {each}" for each in self.items),
                         *self.ops])

    @property
    def size(self) -> tuple:
        """What a smaller program has less of: operations first, then queues, items and words."""
        return len(self.ops), len(self.queues) + len(self.items), len(re.findall(r"[\w-]+", str(self)))


def parse(text: str) -> Program:
    """Return the program that @text describes. The kernel checks what this does not."""
    found: dict[str, list] = {"queue": [], "item": [], "": []}
    for line in filter(None, (line.strip() for line in re.split(r"[;\n]", text))):
        word, _, rest = line.partition(" ")
        found.get(word, found[""]).append(rest if word in found else line)
    return Program(*(tuple(each) for each in found.values()))


def _without(values: Sequence, start: int, end: int) -> tuple:
    return (*values[:start], *values[end:])


def fewer_ops(program: Program) -> Iterator[Program]:
    """Return programs that lack a part of the operations: large parts first, as in delta debugging."""
    part = len(program.ops) // 2
    while part:
        for start in range(0, len(program.ops), part):
            yield replace(program, ops=_without(program.ops, start, start + part))
        part //= 2


def _renumbered(ops: Sequence[str], letter: str, gone: int) -> tuple:
    """Return @ops with the numbers of queues or items above @gone lowered by one."""
    def lower(match: re.Match) -> str:
        number = int(match[1])
        return f"{letter}{number - (number > gone)}"
    return tuple(re.sub(rf"\b{letter}(\d+)\b", lower, op) for op in ops)


def unused(program: Program) -> Iterator[Program]:
    """Return programs without a queue or an item that no operation uses."""
    for letter, values in (("q", program.queues), ("i", program.items)):
        for number in range(len(values)):
            if len(values) > 1 and not any(re.search(rf"\b{letter}{number}\b", op) for op in program.ops):
                rest, ops = _without(values, number, number + 1), _renumbered(program.ops, letter, number)
                yield replace(program, ops=ops, **{"queues" if letter == "q" else "items": rest})


def simpler_queues(program: Program) -> Iterator[Program]:
    """Return programs one of whose queues lacks a flag or its limit."""
    for at, queue in enumerate(program.queues):
        words = queue.split()
        for word in range(1, len(words)):
            simpler = " ".join(_without(words, word, word + 1))
            yield replace(program, queues=(*program.queues[:at], simpler, *program.queues[at + 1:]))


def _simpler(op: str) -> Iterator[str]:
    """Return simpler forms of one operation."""
    words = op.split()
    if words[0][0] == "t" and words[0] != "t0":
        yield " ".join(["t0", *words[1:]])
    if words[0] in ("soft", "hard"):
        yield " ".join(["t0", *words[1:]])
    if words[1] == "recreate":
        yield op.replace("recreate", "drain")
    for at, word in enumerate(words):
        if re.fullmatch(r"c\d+", word):
            yield " ".join(_without(words, at, at + 1))
        number = re.fullmatch(r"n(\d+)", word)
        if number and int(number[1]):
            for less in sorted({0, 1, int(number[1]) // 2, int(number[1]) - 1}):
                if less < int(number[1]):
                    yield " ".join([*words[:at], f"n{less}", *words[at + 1:]])
        for letter in "qi":
            if at and re.fullmatch(rf"{letter}[1-9]", word):
                yield " ".join([*words[:at], f"{letter}0", *words[at + 1:]])


def simpler_ops(program: Program) -> Iterator[Program]:
    """Return programs one of whose operations is simpler: the first thread, no CPU, a smaller number."""
    for at, op in enumerate(program.ops):
        for simpler in _simpler(op):
            yield replace(program, ops=(*program.ops[:at], simpler, *program.ops[at + 1:]))


def shrink(program: Program, breaks: Callable[[Program], bool]) -> Program:
    """Return a program as small as possible for which @breaks is still true. @breaks runs a program and says whether
    it breaks the rule; it may raise OutOfTime."""
    try:
        again = True
        while again:
            again = False
            for step in (fewer_ops, unused, simpler_queues, simpler_ops):
                smaller = next((each for each in step(program) if breaks(each)), None)
                if smaller:
                    program, again = smaller, True
                    break
    except OutOfTime:
        pass
    return program
