# SPDX-License-Identifier: GPL-2.0
"""Names addresses of a guest's memory with drgn. One drgn answers all questions about a guest."""

import contextlib
import json
import os
import select
import subprocess
import tempfile
from pathlib import Path
from typing import Optional

from base import alive
from base.common import ROOT, Problem, shown
from build import packages
from machines import guest, plugin

# What the Python runs that has drgn.
SCRIPT = "import sys; sys.path.insert(0, sys.argv[1]); from wq import places; places.main()"
# The symbols that places.py of wq needs the addresses of.
NEEDED = ("vmcoreinfo_data", "vmcoreinfo_size", "page_offset_base")
# The time that one answer may take.
SECONDS = 120


class Names:
    """drgn, which looks at the memory of the guest of @run. It starts with the first question, when all modules are
    loaded. Use the object as a context while the guest runs."""

    def __init__(self, run: guest.Run, files: list, size: int):
        """@files: those with debug information; @size: bytes of the guest's memory."""
        self.run, self._files, self._size = run, files, size
        self._process: Optional[subprocess.Popen] = None
        self._errors = run.home / "places-errors"
        self._stack = contextlib.ExitStack()
        # A file on a disk would be written there all the time.
        fast = Path("/dev/shm")
        self._memory = self._stack.enter_context(tempfile.NamedTemporaryFile(
            prefix="cmwq2-", dir=fast if os.access(fast, os.W_OK) else run.home))
        os.truncate(self._memory.name, size)

    @property
    def arguments(self) -> list:
        """QEMU's arguments that make a file of the guest's memory."""
        return ["-object", f"memory-backend-file,id=memory,size={self._size},mem-path={self._memory.name},share=on",
                "-machine", "memory-backend=memory"]

    def __enter__(self) -> "Names":
        return self

    def __exit__(self, *error: object) -> None:
        if self._process:
            assert self._process.stdin and self._process.stdout
            self._process.stdin.close()
            self._process.stdout.close()
        self._stack.close()

    def _start(self) -> subprocess.Popen:
        argv = [packages.python_environment() / "bin/python", "-B", "-c", SCRIPT, ROOT / "tools"]
        errors = self._stack.enter_context(open(self._errors, "w"))
        process = self._stack.enter_context(alive.started(argv, text=True, stderr=errors, stdin=subprocess.PIPE,
                                                          stdout=subprocess.PIPE))
        known = {name: at for at, name in plugin.symbols(self.run.kernel)}
        assert process.stdin
        process.stdin.write(json.dumps({
            "memory": self._memory.name, "addresses": {name: known[name] for name in NEEDED},
            "files": [str(path) for path in self._files]}) + "\n")
        return process

    def ask(self, question: dict) -> dict:
        """Return drgn's answer; see wq/places.py. Raises Problem if there is none."""
        self._process = self._process or self._start()
        assert self._process.stdin and self._process.stdout
        try:
            self._process.stdin.write(f"{json.dumps(question)}\n")
            self._process.stdin.flush()
            if not select.select([self._process.stdout], [], [], SECONDS)[0]:
                self._process.kill()
                raise Problem(f"drgn has not named the addresses of the guest's memory in {SECONDS} s")
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            said = self._errors.read_text().strip().splitlines() or ["no reason given"]
            raise Problem(f"drgn has ended: {said[-1]} (log: {shown(self._errors)})")
        answer = json.loads(line)
        if "error" in answer:
            raise Problem(answer["error"])
        return answer
