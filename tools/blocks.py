# SPDX-License-Identifier: GPL-2.0
"""The literal blocks of documents that a command writes. Each stands between two comments, which have its name."""

import re

import cli


def block(name: str, command: str, text: str) -> str:
    """Return the block called @name with @text in it, for a document. @command is what writes it."""
    lines = "\n".join(f"    {line}".rstrip() for line in text.splitlines())
    return f".. {name}: from here written by {command} WRITE=1\n\n::\n\n{lines}\n\n.. {name}: to here\n"


def replaced(document: str, name: str, new: str) -> str:
    """Return the text @document with @new in place of the block called @name. Raises cli.Error if it does not have
    exactly one."""
    pattern = re.compile(rf"^\.\. {re.escape(name)}: from here .*?^\.\. {re.escape(name)}: to here\n",
                         re.MULTILINE | re.DOTALL)
    if len(pattern.findall(document)) != 1:
        raise cli.Error(f"the document must have exactly one place for {name}")
    return pattern.sub(lambda _: new, document)


def names(document: str) -> list:
    """Return the names of the blocks in the text @document, in order."""
    return re.findall(r"^\.\. (\S+): from here ", document, re.MULTILINE)
