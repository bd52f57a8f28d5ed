# SPDX-License-Identifier: GPL-2.0
"""Files that are there whole or not at all."""

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Iterator, Union


def write(path: Path, content: Union[str, bytes]) -> None:
    """The whole file or none: a full disk leaves what was there before."""
    data = content.encode() if isinstance(content, str) else content
    with _partial(path) as partial:
        os.replace(_filled(partial, data), path)


def check_room(path: Path, size: int) -> None:
    """Whether a file of @size can be written; raises OSError if not."""
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
    """A new file beside @path, open, which is gone if anything goes wrong."""
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
        # Whoever reads the message knows this name, not the other one.
        error.filename = str(path)
        raise
