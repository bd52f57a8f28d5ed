# SPDX-License-Identifier: GPL-2.0
"""Finds out who allocated the objects that kmemleak reports. It reports them after the modules were unloaded, when the
kernel no longer knows the names of their functions."""

import bisect
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from base.common import output_of

# Functions that are not the culprit: the allocators themselves, and functions that take the trace.
NOT_GUILTY = re.compile(r"(save_stack_trace|stack_trace_save|set_track_prepare|__alloc_object|__create_object"
                        r"|kmemleak_\w+|\w*k[mvz]*alloc\w*|kmem_cache_\w+|__?slab\w*"
                        r"|kstrn?dup|kvasprintf\w*|kasprintf)\b")


def _section_symbols(module: Path) -> Iterator[tuple]:
    """Return (section, offset, name) of each function in @module."""
    for line in output_of(["objdump", "-t", module]).splitlines():
        match = re.match(r"([0-9a-f]{16}) .{6}F (\S+)\s+[0-9a-f]+ (?:\.hidden )?(\S+)$", line)
        if match:
            yield match[2], int(match[1], 16), match[3]


def _module_symbols(sections: Path, modules: Iterable[Path]) -> list:
    """Return (address, name) of each function of those @modules that were ever loaded, sorted. If an address was used
    more than once, the last use counts."""
    files = {module.stem: module for module in modules}
    functions: dict = {}
    known = {}
    text = sections.read_text() if sections.exists() else ""
    for module, section, address in re.findall(r"^/sys/module/(\w+)/sections/(\S+):(0x[0-9a-f]+)$", text, re.MULTILINE):
        if module in files and module not in functions:
            functions[module] = list(_section_symbols(files[module]))
        for of, offset, name in functions.get(module, ()):
            if of == section:
                known[int(address, 16) + offset] = f"{name} [{module}]"
    return sorted(known.items())


def _named(text: str, known: list) -> str:
    addresses = [address for address, _ in known]

    def name(match: "re.Match[str]") -> str:
        address = int(match[1], 16)
        index = bisect.bisect_right(addresses, address) - 1
        if index < 0 or address - addresses[index] > 1 << 12:
            return match[0]
        return f"    {known[index][1].split()[0]}+{address - addresses[index]:#x} {known[index][1].split()[1]}"

    return re.sub(r"^    (0x[0-9a-f]+)$", name, text, flags=re.MULTILINE)


def allocators(results: Path, modules: Iterable[Path]) -> str:
    """Return the three functions that leaked most often, most frequent first. Addresses in the report are replaced by
    names."""
    report = results / "kmemleak"
    if not report.exists():
        return "unknown functions, because the report is missing"
    text = _named(report.read_text(), _module_symbols(results / "sections", modules))
    report.write_text(text)
    guilty: Counter = Counter()
    for trace in text.split("unreferenced object")[1:]:
        frames = re.findall(r"^    (\S+\+0x\S+(?: \[\w+\])?|0x[0-9a-f]+)$", trace, re.MULTILINE)
        guilty[next((frame for frame in frames if not NOT_GUILTY.match(frame)), "an unknown caller")] += 1
    return ", ".join(f"{name} ({count})" for name, count in guilty.most_common(3))
