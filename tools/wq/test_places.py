#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of places.py: the field at an offset in a type. The types here are made up, because drgn may be missing."""

import enum
import os
import sys
import unittest
from unittest import mock

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from wq import places


class Kind(enum.Enum):
    INT, STRUCT, UNION, ARRAY, TYPEDEF = range(5)


class Type:
    """As much of a type of drgn as places.py uses."""

    def __init__(self, kind, name, size=0, members=(), of=None, length=None):
        self.kind, self.name, self.size, self.length = kind, name, size, length
        self.members, self.type = members, of

    def type_name(self):
        return self.name


class Member:
    """A member of a structure or union."""

    def __init__(self, name, type_, at, bits=None, bit=0):
        self.name, self.type, self.bit_offset, self.bit_field_size = name, type_, 8 * at + bit, bits


INT = Type(Kind.INT, "int", 4)
LIST = Type(Kind.STRUCT, "struct list_head", 16, [Member("next", INT, 0), Member("prev", INT, 8)])
LOCK = Type(Kind.TYPEDEF, "spinlock_t", 4, of=Type(Kind.STRUCT, "struct spinlock", 4, [Member("raw", INT, 0)]))
WORK = Type(Kind.STRUCT, "struct work", 24, [Member("data", INT, 0), Member("entry", LIST, 8)])
TWO = Type(Kind.STRUCT, "struct two", 8, [Member("deep", Type(Kind.STRUCT, "struct one", 8, [
    Member("a", Type(Kind.STRUCT, "struct b", 4, [Member("b", INT, 0)]), 0)]), 0)])
BIG = Type(Kind.STRUCT, "struct big", 200, [
    Member("lock", LOCK, 0), Member("low", INT, 4, bits=1), Member("high", INT, 4, bits=1, bit=9),
    Member(None, Type(Kind.UNION, "union (anonymous)", 24, [Member("work", WORK, 0), Member("number", INT, 0)]), 8),
    Member("array", Type(Kind.ARRAY, "struct two [4]", 32, of=TWO, length=4), 40),
    Member("after", INT, 100), Member("rest", Type(Kind.ARRAY, "int []", 0, of=INT), 192)])
ITEMS = frozenset(["struct work"])


class Fields(unittest.TestCase):
    def setUp(self):
        for name, value in (("TypeKind", Kind), ("sizeof", lambda type_: type_.size)):
            patched = mock.patch.object(places, name, value)
            patched.start()
            self.addCleanup(patched.stop)

    def named(self, offset, chosen=""):
        """Return the name of the field at @offset in the structure big."""
        return ".".join(places.path_of(BIG, offset, ITEMS, chosen))

    def test_fields(self):
        """A lock and a list are named as a whole, an array without an index, and a deep field by two names."""
        self.assertEqual([self.named(offset) for offset in (0, 3, 100, 103)],
                         ["big.lock", "big.lock", "big.after", "big.after"])
        self.assertEqual([self.named(offset) for offset in (40, 48, 71)], ["big.array[].deep", "big.array[].deep",
                                                                          "big.array[].deep"])

    def test_bits(self):
        """A bit field is the bytes that it has bits in."""
        self.assertEqual([self.named(4), self.named(5)], ["big.low", "big.high"])

    def test_items(self):
        """A work item inside another structure has the name of its own type."""
        self.assertEqual([self.named(offset) for offset in (8, 16, 24)], ["work.data", "work.entry", "work.entry"])

    def test_unions(self):
        """The largest member of a union counts, unless it is known which one is in use."""
        self.assertEqual(self.named(8, "number"), "big.number")

    def test_gaps(self):
        """Padding has no name. What follows an array without a length belongs to it."""
        self.assertEqual([self.named(130), self.named(192), self.named(196)], ["big.-", "big.rest[]", "big.rest[]"])


if __name__ == "__main__":
    unittest.main()
