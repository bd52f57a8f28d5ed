# SPDX-License-Identifier: GPL-2.0
"""Puts what a verb has printed into a document."""

import sys
from pathlib import Path

from base.common import ROOT, Problem, say, shown, write_atomically

sys.path.append(str(ROOT / "tools"))
import blocks  # noqa: E402
import cli  # noqa: E402


def replaced(document: Path, text: str, name: str, new: str) -> str:
    """Return @text, that of @document, with the block called @name replaced. Raises Problem if it has none."""
    try:
        return blocks.replaced(text, name, new)
    except cli.Error as error:
        raise Problem(f"{shown(document)}: {error}") from None


def replace(document: Path, name: str, new: str) -> None:
    """Replace the block called @name in @document. Raises Problem if there is none."""
    write_atomically(document, replaced(document, document.read_text(), name, new))
    say(f"  {shown(document)}: {name} is replaced")
