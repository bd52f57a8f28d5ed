# SPDX-License-Identifier: GPL-2.0
"""`make install` and `make uninstall`: puts the modules into a kernel's directory, and the tools below PREFIX."""

import contextlib
import errno
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from base import alive
from base.common import ROOT, Problem, log_tail, run_logged, say, shown
from build import cross, modules

sys.path.insert(0, str(ROOT / "tools"))
import package  # noqa: E402

# Where the modules go, below /lib/modules/RELEASE. modprobe prefers those in updates/ to others of the same name.
PLACE = "updates/cmwq2"
PREFIX = "/usr/local"
LAUNCHER = """\
#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
import sys

sys.path.insert(0, {library!r})
from cmwq2.commands import {function}  # noqa: E402

if __name__ == "__main__":
    {function}()
"""


@dataclass(frozen=True)
class Places:
    """Where an installation goes. A package is made in @destdir, and is installed to / later."""

    kdir: Path
    prefix: Path
    destdir: str
    mod_path: str

    @property
    def release(self) -> str:
        """The kernel's release."""
        return (self.kdir / "include/config/kernel.release").read_text().strip()

    @property
    def kernel(self) -> Path:
        """The directory of the kernel's modules."""
        return Path(f"{self.mod_path or self.destdir}/lib/modules") / self.release

    @property
    def library(self) -> Path:
        """The directory with the tools."""
        return self.below(self.prefix / "lib/cmwq2")

    @property
    def examples(self) -> Path:
        """The directory with the examples."""
        return self.below(self.prefix / "share/doc/cmwq2")

    @property
    def commands(self) -> list[Path]:
        """The commands, each of which is a small script."""
        return [self.below(self.prefix / "bin" / name) for name in package.COMMANDS]

    def below(self, path: Path) -> Path:
        """Return @path below DESTDIR."""
        return Path(f"{self.destdir}{path}")


def places(kdir: Path, prefix: str, destdir: str, mod_path: str) -> Places:
    """Return where an installation goes. Raises Problem for a path that cannot be used."""
    for name, text in (("PREFIX", prefix), ("DESTDIR", destdir), ("INSTALL_MOD_PATH", mod_path)):
        if text and not text.startswith("/"):
            raise Problem(f"{name}={text} is not a directory from the root on; allowed: a path that begins with /")
    modules.check_kdir(kdir)
    return Places(kdir, Path(prefix or PREFIX), destdir.rstrip("/"), mod_path.rstrip("/"))


def _need_rights(paths: list[Path]) -> None:
    """Make the directories @paths. Raises Problem if that is not possible, before anything is built or installed."""
    for path in paths:
        there = next(each for each in (path, *path.parents) if each.exists())
        try:
            if not os.access(there, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), there)
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Problem(f"{path} cannot be written ({error.strerror}): install as root, or give DESTDIR=, or "
                          "INSTALL_MOD_PATH= and PREFIX=") from None


def _depmod(where: Places) -> None:
    """Update the lists that modprobe reads. In a directory in which a package is made there are none."""
    if not (where.kernel / "modules.order").exists():
        return
    depmod = shutil.which("depmod", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if not depmod:
        raise Problem("depmod is missing, so modprobe does not know of the change: install kmod, and run depmod "
                      f"{where.release}")
    base = where.mod_path or where.destdir
    done = alive.run([depmod, *(["-b", base] if base else []), where.release], text=True, capture_output=True)
    if done.returncode:
        raise Problem(f"depmod {where.release}: {(done.stderr.strip().splitlines() or ['failed'])[-1]}")


def install(where: Places, compiler: str) -> None:
    """Build the modules for the kernel of @where, and install them, the tools and the examples. Raises Problem."""
    _need_rights([where.kernel, where.library, where.examples, where.commands[0].parent])
    work, log = modules.build_installed(where.kdir, compiler)
    options = {"INSTALL_MOD_PATH": where.mod_path or where.destdir, "INSTALL_MOD_DIR": PLACE, "DEPMOD": "true"}
    shutil.rmtree(where.kernel / PLACE, ignore_errors=True)
    try:
        run_logged(["make", "-C", where.kdir, f"M={work}", *cross.options(modules.arch_of(where.kdir)),
                    *(f"{name}={value}" for name, value in options.items()), "modules_install"], log, quiet=True)
    except Problem:
        print(log_tail(log), file=sys.stderr)
        raise
    _depmod(where)
    say(f"  {where.kernel / PLACE}: {', '.join(sorted(path.name for path in _modules(where)))}")
    _install_tools(where)


def _modules(where: Places) -> Iterator[Path]:
    return (where.kernel / PLACE).rglob("*.ko*")


def _install_tools(where: Places) -> None:
    package.lay_out(where.library)
    for path, function in zip(where.commands, package.COMMANDS.values()):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(LAUNCHER.format(library=str(where.prefix / "lib/cmwq2"), function=function))
        path.chmod(0o755)
    shutil.copytree(ROOT / "tools/packaging/modprobe.d", where.examples / "modprobe.d", dirs_exist_ok=True)
    say(f"  {where.commands[0].parent}: {', '.join(package.COMMANDS)}")
    say(f"  {where.examples}: modprobe.d")


def uninstall(where: Places) -> None:
    """Remove what install() has put into the places @where. Raises Problem if that cannot be removed."""
    trees = [where.kernel / PLACE, where.library, where.examples]
    found = [path for path in (*trees, *(path for path in where.commands if _ours(path))) if path.exists()]
    if not found:
        say(f"  nothing is installed in {where.kernel / PLACE} and below {where.below(where.prefix)}")
        return
    _need_rights([path.parent for path in found])
    for path in found:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        say(f"  removed {shown(path)}")
    with contextlib.suppress(OSError):      # It is not empty, or it was not there.
        (where.kernel / PLACE).parent.rmdir()
    _depmod(where)


def _ours(path: Path) -> bool:
    """Return whether the command @path was installed by this, and not by pip or a package."""
    return path.exists() and "lib/cmwq2'" in path.read_text(errors="replace")
