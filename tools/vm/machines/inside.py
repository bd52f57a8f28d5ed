# SPDX-License-Identifier: GPL-2.0
"""Runs drgn inside a guest, on /proc/kcore. The guest has no disk, so all files that drgn needs come with its
initramfs. The system's files have the same paths there as here, so that no search path has to be set."""

import importlib.util
import os
import py_compile
import re
from pathlib import Path

from base.common import OUT, ROOT, fresh_directory, output_of
from build import packages

# The guest's directory for the virtual environment's site-packages.
SITE = "/harness/site"
TOOLS = [ROOT / "tools" / name for name in ("wq_dump.py", "cli.py", "cmwq2.py", "tables.py")]
TOOLS += (ROOT / "tools/wq").glob("*.py")
# A script that drgn runs on its own process. It lists the modules that are loaded then, with all helpers.
LIST = f"""
import sys
sys.path.insert(0, {str(ROOT / 'tools')!r})
import drgn.helpers.linux
from wq import dump
print(*{{m.__file__ for m in list(sys.modules.values()) if getattr(m, "__file__", None)}}, sep="\\n")
"""


# Reading the kernel's types takes longer than a look, so one drgn takes several looks. Each goes to a file named after
# its option.
LOOKS = """
import runpy, sys
_, home, *options = sys.argv
for option in options:
    sys.argv = ["/harness/tools/wq_dump.py", option]
    with open(f"{home}/{option}", "w") as sys.stdout:
        try:
            runpy.run_path(sys.argv[0], {"prog": prog}, "__main__")
        except SystemExit as end:
            assert not end.code
sys.stdout = sys.__stdout__
"""


# Runs drgn as a user other than root.
NOBODY = """
import os
os.setgid(65534)
os.setuid(65534)
from drgn.cli import _main
_main()
"""


class Inside:
    """The files that go into the guest, and the settings that tell the guest where they are."""

    def __init__(self, symbols: list):
        """Collect the files. @symbols: the vmlinux, and the module with debug info, which the guest's copy lacks."""
        vmlinux, module = symbols
        venv, home = packages.python_environment(), fresh_directory(OUT / "tmp/inside")
        python = (venv / "bin/python3").resolve()
        (home / "drgn").write_text("from drgn.cli import _main\n_main()\n")
        (home / "nobody").write_text(NOBODY)
        (home / "looks.py").write_text(LOOKS)
        (home / "list.py").write_text(LIST)
        listed = output_of(["sh", "-c", 'exec "$0" --quiet --no-default-symbols -p $$ "$1"', venv / "bin/drgn",
                            home / "list.py"], env={"PYTHONDONTWRITEBYTECODE": "1"}).split("\n")
        loaded = sorted(Path(line) for line in listed if line.startswith("/") and Path(line).parent not in
                        (home, ROOT / "tools", ROOT / "tools/wq"))
        site = next(path.parent for path in loaded if path.name.startswith("_drgn."))
        self.settings = {"PYTHON": f"env PYTHONPATH={SITE} {python}",
                         "SYMBOLS": "-s /harness/vmlinux -s /harness/cmwq2.ko"}
        self.files = {f"/harness/{path.relative_to(ROOT)}": path for path in TOOLS}
        self.files.update({"/harness/vmlinux": vmlinux, "/harness/cmwq2.ko": module, "/harness/drgn": home / "drgn",
                           "/harness/nobody": home / "nobody", "/harness/looks.py": home / "looks.py"})
        for program in [python, *(path for path in loaded if path.suffix == ".so")]:
            self.files.update((there(library, site), library) for library in libraries(program))
        self.files.update((there(path, site), path) for path in [python, *loaded])
        self.files.update((there(name, site), path) for name, path in
                          _compiled([path for path in loaded if path.suffix == ".py"], home).items())


def there(path: Path, site: Path) -> str:
    """Return the guest's path of @path. The system's files keep their paths. Those of the virtual environment do not,
    because this checkout may be below a directory that the guest mounts something over."""
    path = Path(os.path.normpath(path))
    if site in path.parents:
        return f"{SITE}/{path.relative_to(site)}"
    return str(path)


def libraries(program: Path) -> list:
    """Return the libraries that the dynamic linker would load for @program, and the linker itself."""
    return [Path(path) for path in re.findall(r"(/\S+) \(0x", output_of(["ldd", program]))]


def _compiled(sources: list, home: Path) -> dict:
    """Compile @sources, because compiling them in the guest would take longer than all the rest. The bytecode is not
    checked against the time of its source, which the guest does not know. Return the bytecode by its path."""
    found = {}
    for number, source in enumerate(sources):
        target = home / f"{number}.pyc"
        py_compile.compile(str(source), str(target), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
        found[importlib.util.cache_from_source(str(source))] = target
    return found
