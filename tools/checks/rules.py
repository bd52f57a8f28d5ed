# SPDX-License-Identifier: GPL-2.0
"""The rules by which the verdict concludes why items wait. They are read from src/look/rules.h, and tools/wq/rules.py
is made of them, so that the module and the tools that look from outside conclude the same."""

import re
from pathlib import Path

SOURCE, MADE = "src/look/rules.h", "tools/wq/rules.py"
STRING = r'"((?:[^"\\]|\\.)*)"'
HEAD = '''\
# SPDX-License-Identifier: GPL-2.0
"""The rules by which the verdict concludes why items wait. Written by make parity WRITE=1 from {source}."""

from __future__ import annotations

'''


def _list(text: str, name: str) -> str:
    """Return the body of the macro @name, which is a list of entries."""
    body = re.search(rf"^#define {name}\(\w+\)(.*?[^\\])\n", text, re.MULTILINE | re.DOTALL)
    if not body:
        raise ValueError(f"{SOURCE} has no {name}()")
    return re.sub(r"/\*.*?\*/", "", body[1].replace("\\\n", "\n"), flags=re.DOTALL)


def read(tree: Path) -> tuple:
    """Return what the header in @tree says: the reasons as {name: (word, meaning)}, the facts as {name: meaning}, and
    the rules as a list of (reason, detail or None, facts)."""
    text = (tree / SOURCE).read_text()
    reasons = {name: (word, means) for name, word, means in
               re.findall(rf"reason\((\w+),\s*{STRING},\s*{STRING}\)", _list(text, "CMWQ2_REASONS"))}
    facts = dict(re.findall(rf"fact\((\w+),\s*{STRING}\)", _list(text, "CMWQ2_FACTS")))
    rules = [(why, detail or None, re.findall(r"\w+", names)) for why, detail, names in
             re.findall(rf"rule\((\w+),\s*(?:NULL|{STRING}),([^()]*)\)", _list(text, "CMWQ2_RULES"))]
    return reasons, facts, rules


def made(tree: Path) -> str:
    """Return what tools/wq/rules.py has to be, from the header in @tree."""
    reasons, facts, rules = read(tree)
    lines = ["# What each reason means, by the word that the first line of a paragraph has for it.", "REASONS = {"]
    lines += [f'    "{word}": "{means}",' for word, means in reasons.values()]
    lines += ["}", "# What each fact says.", "FACTS = {"]
    lines += [f'    "{name}": "{means}",' for name, means in facts.items()]
    lines += ["}", "# The reason, a detail for the paragraph, and the facts that must all hold. The first rule that",
              "# applies gives both.", "RULES: tuple[tuple[str, str | None, frozenset[str]], ...] = ("]
    for why, detail, names in rules:
        said = f'"{detail}"' if detail else "None"
        needed = ", ".join(f'"{name}"' for name in names)
        lines += [f'    ("{reasons[why][0]}", {said},', f"     frozenset([{needed}])),"]
    return HEAD.format(source=SOURCE) + "\n".join([*lines, ")"]) + "\n"
