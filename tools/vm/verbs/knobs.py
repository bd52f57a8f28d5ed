# SPDX-License-Identifier: GPL-2.0
"""The knobs: which verb has which, and their allowed values. A knob that would be ignored is refused before anything is
done. Otherwise a user who misspells one would get the default, and notice that only after the run."""

import difflib
import os
import re
from collections.abc import Iterable, Mapping

from base.common import ROOT, Problem
from build import source
from verbs.options import EVERYWHERE, VERBS

COUNTS = {"MACHINES", "ITEMS", "ROUNDS", "SCHEDULES", "KICKS", "SWITCHINGS", "PRESSURE", "ALARM", "CYCLES", "FREEZES",
          "PRODUCERS", "SEED", "BOOTS", "TIME", "MUTANTS", "HOURS"}
YES_OR_NO = {"WRITE", "FULL", "FAULTS", "FUNCTIONS", "REPAIRED", "MOVED"}
# The knobs that cannot be combined with WRITE=1, by verb, and which figures the written file has.
NOT_WRITTEN = {"icount": (("PROFILES", "FUNCTIONS", "WORKLOAD"), "of all profiles"),
               "lines": (("PROFILES", "TURN", "ITEMS"), "that make lines counts without it")}
# Names that other programs use in the environment, too. The user is not warned if a verb ignores them.
COMMON = {"V", "W", "CC", "NAME", "FULL", "SEED", "TIME", "POOL", "WORKERS", "MACHINES", "MODEL", "LIMIT", "ENGINE",
          "POLICY", "PREFIX", "DESTDIR"}


def known() -> set:
    """Return the names of all knobs."""
    return EVERYWHERE.union(*VERBS.values())


def of_make(flags: str) -> list[str]:
    """Return the names of the variables on make's command line. Make passes them on in MAKEFLAGS, after two dashes and
    with a backslash before each character that would end a word."""
    _, dashes, tail = f" {flags}".partition(" -- ")
    words = re.findall(r"(?:\\.|[^\s\\])+", tail) if dashes else []
    return [match[1] for match in (re.match(r"([^\s:+?!=]+)[:+?!]*=", word) for word in words) if match]


def _like(name: str, names: Iterable[str]) -> str:
    near = difflib.get_close_matches(name.upper(), sorted(names), 1)
    return f"; did you mean {near[0]}=?" if near else ""


def check_names(verb: str, goals: Iterable[str], asked: Iterable[str]) -> None:
    """Raise Problem if a name in @asked is not a knob, or if neither @verb nor any of make's @goals has it."""
    taken = EVERYWHERE.union(*(VERBS.get(goal, set()) for goal in {verb, *goals}))
    for name in asked:
        if name not in known():
            raise Problem(f"{name}= is not known{_like(name, known())} (make help lists them)")
        if name not in taken:
            raise Problem(f"make {verb} has no {name}=; it has {', '.join(sorted(VERBS[verb] | EVERYWHERE))}")


def ignored(verb: str, environment: Mapping[str, str]) -> list[str]:
    """Return the knobs in the @environment that @verb does not have. This is no error, but the user is told of it."""
    return sorted(name for name in known() - VERBS[verb] - EVERYWHERE - COMMON if environment.get(name))


def parameters() -> set:
    """Return the names of cmwq2's module parameters, read from its sources."""
    text = "".join(path.read_text() for path in sorted((ROOT / "src").rglob("*.[ch]")))
    return set(re.findall(r"^(?:module_param\w*|CMWQ2_(?:PARAM|POLICY|SWITCH)(?:_MODE)?)\((?:0\d+, )?(\w+),", text,
                          re.MULTILINE))


def check_values(verb: str, environment: Mapping[str, str]) -> None:
    """Raise Problem if a knob of @verb has a value that is not allowed."""
    mine = {name: environment[name] for name in VERBS[verb] | EVERYWHERE if environment.get(name)}
    for name, text in mine.items():
        if name in COUNTS and (not re.fullmatch(r"[0-9]+", text) or not 0 < int(text) < 2**31):
            raise Problem(f"{name}={text} is not a count; allowed: 1 to {2**31 - 1}")
        if name in YES_OR_NO and text not in ("0", "1"):
            raise Problem(f"{name}={text} is not known; allowed: 0, 1")
    if not re.fullmatch("[1-3ce]*", mine.get("W", "")):
        raise Problem(f"W={mine['W']} is not known; allowed: one or more of 1, 2, 3, c, e, as for the kernel")
    if "KERNEL" in mine or "KERNEL_SRC" in mine:
        source.check()
    if mine.get("ENGINE", "native") != "native":
        raise Problem(f"ENGINE={mine['ENGINE']} is not known; allowed: native")
    for name in ("EDITS", "REPAIRED", *(["POLICY"] if verb == "check" else [])):
        if mine.get(name, "0") != "0" and "ENGINE" not in mine:
            raise Problem(f"{name}={mine[name]} needs ENGINE=native, as it says something about the kernel's own "
                          "workqueue")
    names, why = NOT_WRITTEN.get(verb, ((), ""))
    for name in names if mine.get("WRITE", "0") != "0" else ():
        if name in mine and (name not in YES_OR_NO or mine[name] != "0"):
            raise Problem(f"WRITE=1 and {name}={mine[name]} cannot be combined, as the file has the figures {why}")
    for word in mine.get("PARAMETERS", "").split():
        name, equals, _ = word.partition("=")
        if not equals or name not in parameters():
            raise Problem(f"PARAMETERS={mine['PARAMETERS']}: {word} sets no parameter; allowed: NAME=VALUE with NAME "
                          f"{', '.join(sorted(parameters()))}")


# Characters in a directory's name that make, a shell or the kernel's Kbuild would interpret.
UNSAFE = re.compile(r"[^\w/.+@=~-]")


def check_places(places: Mapping[str, os.PathLike]) -> None:
    """Raise Problem if a kernel cannot be built in or from a directory. @places: directories by the user's name."""
    for name, path in places.items():
        found = UNSAFE.search(str(path))
        if found:
            raise Problem(f"{name}{path}: nothing can be built there, because the kernel's makefiles do not support "
                          f"'{found[0]}' in a path; allowed: a path without it")


def check_writable(name: str, path: str) -> None:
    """Raise Problem if a directory cannot be created or written."""
    try:
        os.makedirs(path, exist_ok=True)
        if not os.access(path, os.W_OK | os.X_OK):
            raise PermissionError(13, "Permission denied", path)
    except OSError as error:
        raise Problem(f"{name}{path}: this directory cannot be created or written: {error.strerror}") from None
