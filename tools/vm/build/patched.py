# SPDX-License-Identifier: GPL-2.0
"""Builds a kernel whose own workqueue has some of the edits of tools/upstream.

The source is a copy of hard links to the kernel's source, in which the edited files are new files. The build begins as
a copy of the finished build of the unedited kernel, so that only what depends on the edited files is compiled. Kbuild
writes absolute paths into its files, so those are changed in the copy. Both are below out/upstream, and are kept for
the next run."""

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from base.common import (
    OUT,
    ROOT,
    Problem,
    Progress,
    fresh_directory,
    lock,
    need_space,
    output_of,
    shown,
    write_atomically,
)
from build import kernel, source
from build.kernel import Kernel

sys.path.append(str(ROOT / "tools"))
import policies  # noqa: E402
from upstream import edit  # noqa: E402

HOME = OUT / "upstream"
# About how many files are compiled again.
OBJECTS = 15


def edits(faults: bool = False) -> dict:
    """Return all edits by name, with @faults also those that are faults. Raises Problem if one is malformed."""
    try:
        return edit.read(edit.EDITS, edit.FAULTS) if faults else edit.read()
    except (edit.EditError, OSError) as error:
        raise Problem(f"tools/upstream: {error}") from None


def edited(wanted: Iterable, tree: Path) -> dict:
    """Return the new text of each file that the edits @wanted change in @tree. Raises Problem if one does not apply."""
    try:
        return edit.apply(wanted, tree)
    except edit.EditError as error:
        raise Problem(f"tools/upstream: {error} in {shown(tree)}; the edits are for Linux {source.NEWEST}") \
            from None


def chosen(text: str) -> list:
    """Return the edits that @text names, with those that they need: names, fixes for all that repair a fault, or all.
    Raises Problem for another word."""
    known = edits()
    groups = {"fixes": [name for name, each in known.items() if each.kind == "fix"],
              "all": list(known)}
    names: list = []
    for word in text.replace(",", " ").split():
        if word not in known and word not in groups:
            raise Problem(f"EDITS={word}: allowed: all, fixes, or one or more of {', '.join(known)}")
        names += groups.get(word, [word])
    return edit.with_needs(names, known)


def _profiles(known: Mapping) -> dict:
    """Return the profiles of cmwq2 that set several policies of which all are in @known: their settings by name."""
    found = {name: tuple(text.split()) for name, text in policies.profile_settings(ROOT).items()}
    return {name: settings for name, settings in found.items() if len(settings) > 1 and set(settings) <= set(known)}


def settings(name: str) -> tuple:
    """Return the settings POLICY=VALUE that @name stands for: those of a profile, or those that it joins by +."""
    known = {policy for each in edits().values() for policy in each.policies}
    return _profiles(dict.fromkeys(known)).get(name) or tuple(name.split("+"))


def parameters(text: str, wanted: Iterable) -> dict:
    """Return a list of parameters of the kernel's module workqueue for each policy that @text names, for all if it is
    empty. A name may join several policies by +, or be a profile of cmwq2. Raises Problem for a policy that none of the
    edits @wanted has."""
    known = {policy: parameter for each in wanted for policy, parameter in each.policies.items()}
    profiles, names = _profiles(known), text.replace(",", " ").split()
    for name in names:
        if name not in profiles and not set(name.split("+")) <= set(known):
            raise Problem(f"POLICY={name}: allowed: {', '.join([*known, *profiles])}, several joined by +" if known else
                          f"POLICY={name}: none of the edits has a policy; allowed: EDITS=all")
    return {name: [known[each] for each in profiles.get(name) or name.split("+")]
            for name in names or [*known, *profiles]}


def repairs(wanted: Iterable) -> bool:
    """Return whether a kernel with the edits @wanted has no known fault any more."""
    names = {each.name for each in wanted}
    return names.issuperset(name for name, each in edits().items() if each.kind == "fix")


def _name(wanted: Iterable) -> str:
    """Return the name of a selection of edits, which is part of the kernel's name. Those that are used often have a
    name of their own, so that their kernels are kept."""
    names = [each.name for each in wanted]
    known = {"edits": edits(), "faults": edits(faults=True)}
    return next((name for name, every in known.items() if names == list(every)), "some-edits")


def provide(vehicle: str, wanted: list) -> Kernel:
    """Return the kernel of @vehicle with the edits @wanted, which are in the order in which they are applied. It is
    built now unless it has been built from the same."""
    name = _name(wanted)
    # If an edit does not apply, this is reported before anything is built.
    edited(wanted, source.provide().tree)
    base = kernel.provide(kernel.vehicle(vehicle))
    texts = edited(wanted, base.source.tree)
    target = replace(base.vehicle, name=f"{base.vehicle.name}-{name}")
    home = HOME / target.name
    with lock(f"upstream-{target.name}", OUT):
        _make_copies(base, home)
        bring_up_to_date(base.source.tree, home, texts)
        configure(base.build, home / "build", wanted)
        _build(target, home, f"{target.name} kernel {base.source.name} with {len(wanted)} edits")
    return Kernel(target, home / "build", source.Source(home / "source", base.source.name, False),
                  (home / "build/include/config/kernel.release").read_text().strip())


def _origin(base: Kernel, home: Path) -> dict:
    """Return what the copies in @home are made from. If this changes, they are made anew."""
    return {"home": str(home), "build": str(base.build), "tree": str(base.source.tree),
            "built": (base.build / "ready.json").stat().st_mtime_ns}


def _state(home: Path) -> dict:
    try:
        return json.loads((home / "state.json").read_text())
    except (OSError, ValueError):
        return {}


def _make_copies(base: Kernel, home: Path) -> None:
    """Copy source and build of @base to @home, unless copies of them are there."""
    origin = _origin(base, home)
    if _state(home).get("origin") == origin:
        return
    need_space(OUT, base.vehicle.gib + 2)
    fresh_directory(home)
    with Progress(f"a copy of the {base.vehicle.name} kernel in {shown(home)}") as progress:
        try:
            output_of(["cp", "-al", base.source.tree, home / "source"])
        except Problem:
            # Hard links to another file system do not exist.
            shutil.rmtree(home / "source", ignore_errors=True)
            output_of(["cp", "-a", base.source.tree, home / "source"])
        output_of(["cp", "-a", base.build, home / "build"])
        relocate(home / "build", {str(base.build): str(home / "build"), str(base.source.tree): str(home / "source")})
        write_atomically(home / "state.json", json.dumps({"origin": origin, "files": {}}, indent=1))
        progress.finish()


def relocate(build: Path, paths: dict) -> None:
    """Change the absolute paths that Kbuild has written into @build. The times of the files stay, so that make takes
    nothing for out of date."""
    names = [build / "Makefile", *build.rglob("*.cmd"), *build.rglob("*.d")]
    for path in names:
        if not path.is_file() or path.is_symlink():
            continue
        text = old = path.read_text()
        for before, after in paths.items():
            text = text.replace(before, after)
        if text != old:
            times = path.stat()
            path.write_text(text)
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    (build / "source").unlink()
    (build / "source").symlink_to(build.parent / "source")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def bring_up_to_date(tree: Path, home: Path, texts: dict) -> None:
    """Write the edited files into the copy of the source @tree in @home, and put the original text into those that are
    no longer edited. A file is never changed in place, because the cached source has the same inode."""
    state = _state(home)
    known = state.get("files", {})
    wanted = {name: texts.get(name) or (tree / name).read_text() for name in {*known, *texts}
              if name in texts or (tree / name).exists()}
    for name in set(known) - set(wanted):
        # An edit had made this file.
        (home / "source" / name).unlink(missing_ok=True)
    for name, text in wanted.items():
        if known.get(name) != _digest(text):
            # The modules and the kernel are not whole from here on.
            (home / "build/ready.json").unlink(missing_ok=True)
            write_atomically(home / "source" / name, text)
    files = {name: _digest(text) for name, text in wanted.items()}
    write_atomically(home / "state.json", json.dumps({**state, "files": files}, indent=1))


def configure(base: Path, build: Path, wanted: Iterable) -> None:
    """Give the kernel in @build the configuration of that in @base, and the options of the edits @wanted. What does not
    change is not written, because make would compile more than it has to."""
    options = [f"CONFIG_{option}\n" for each in wanted for option in each.config]
    new, mark = (base / ".config").read_text() + "".join(options), build / ".config-options"
    if (mark.read_text() if mark.exists() else "") == "".join(options):
        return
    (build / "ready.json").unlink(missing_ok=True)
    write_atomically(build / ".config", new)
    write_atomically(mark, "".join(options))


def _build(target: kernel.Vehicle, home: Path, title: str) -> None:
    if kernel.whole(home / "build", target):
        return
    log = OUT / "log" / f"{target.name}.log"
    log.unlink(missing_ok=True)
    with Progress(f"{title} ({shown(log)})", OBJECTS) as progress:
        kernel.compile_in(target, home / "source", home / "build", log, progress)
        progress.finish(f"{progress.done} files compiled")
