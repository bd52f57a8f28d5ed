# SPDX-License-Identifier: GPL-2.0
"""Tests the counting of cache lines with kunit/modules/line_pattern.c, of which it is known which lines must move."""

from collections.abc import Mapping

from base.common import Problem
from build import kernel
from looks import moves

MODULE = "cmwq2_line_pattern.ko"
TURNS, SKIP, TAKE = 1200, 100, 1000
STRUCTURE = "line_pattern"
# How often a line moves in one turn, by field and cause. Two variables share the line of pair, and each CPU writes one
# of them. A CPU reads turn when it has changed, and then writes it. The fields alone and constant are not here, because
# their lines must not move at all.
EXPECTED = {
    ("turn", "read"): 1, ("turn", "write-shared"): 1, ("written", "write-owned"): 1, ("added", "read"): 1,
    ("added", "write-shared"): 1, ("counted", "atomic-owned"): 1, ("pair.first", "write-owned"): 0.5,
    ("pair.second", "write-owned"): 0.5}


def differences(found: Mapping) -> list:
    """Return what is not as expected, in one line each. @found: transfers of a turn by structure, field and cause."""
    mine = {(field, cause): value for (structure, field, cause), value in found.items() if structure == STRUCTURE}
    names = [*EXPECTED, *(name for name in mine if name not in EXPECTED)]
    return [f"{STRUCTURE}.{field}, {cause}: {mine.get((field, cause), 0):g} in a turn instead of "
            f"{EXPECTED.get((field, cause), 0):g}" for field, cause in names
            if mine.get((field, cause), 0) != EXPECTED.get((field, cause), 0)]


class Pattern(moves.Watched):
    """The guest that runs the pattern."""

    def __init__(self, target: kernel.Kernel, files: list):
        super().__init__(target, "pattern", [path for path in files if path.name == MODULE], {"TURNS": TURNS}, 2)
        self.count([("item", "line_pattern_turn")], SKIP, [TAKE])

    def boot(self) -> None:
        """Run the guest. Raises Problem if a line has moved more or less often than it must."""
        self.watch(f"pattern-{self.target.vehicle.name}")
        wrong = differences(self.found[0].fields)
        if wrong:
            raise Problem(wrong[0], reasons=wrong)
