# SPDX-License-Identifier: GPL-2.0
"""Writes files atomically: a file is complete or does not exist."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Union


def write(path: Path, content: Union[str, bytes]) -> None:
    """Write a file completely or not at all. On a full disk the old content remains."""
    data = content.encode() if isinstance(content, str) else content
    with _partial(path) as partial:
        os.replace(_filled(partial, data), path)


def check_room(path: Path, size: int) -> None:
    """Raise OSError unless a file of @size bytes can be written."""
    with _partial(path) as partial:
        os.unlink(_filled(partial, b"\0" * size))


def _filled(partial: tuple, data: bytes) -> str:
    handle, name = partial
    with os.fdopen(handle, "wb") as sink:
        sink.write(data)
    os.chmod(name, 0o644)
    return name


@contextlib.contextmanager
def _partial(path: Path) -> Iterator[tuple]:
    """Open a new temporary file beside @path. It is removed if anything goes wrong."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            yield handle, name
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)
            raise
    except OSError as error:
        # The user knows this name and not that of the temporary file.
        error.filename = str(path)
        raise
