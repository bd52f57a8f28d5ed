# SPDX-License-Identifier: GPL-2.0
"""Builds the Python package cmwq2 for pip: see package.py for its content, and pyproject.toml for all else."""

import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

TOOLS = Path(__file__).resolve().parent
sys.path.insert(0, str(TOOLS))
import package  # noqa: E402

# What the build makes goes where everything else that is built goes.
BUILD = TOOLS.parent / "out/pip"


class BuildPackage(build_py):
    """Writes the package with package.lay_out()."""

    def run(self) -> None:
        """Write the package into the build's directory."""
        if getattr(self, "editable_mode", False):
            raise SystemExit("cmwq2 cannot be installed with --editable, because the installed modules differ from "
                             "those in tools/; put tools/ into PYTHONPATH instead")
        self.written = package.lay_out(self.build_lib)

    def get_outputs(self, include_bytecode: bool = True) -> list:
        """Return the files that run() has written."""
        return [str(path) for path in self.written]

    def get_source_files(self) -> list:
        """Return the files that the package is made of."""
        return [str(path) for path in {**package.sources(), **package.DATA}.values()]


BUILD.mkdir(parents=True, exist_ok=True)
setup(version=package.version(), packages=package.packages(),
      package_dir={name: "." if name == package.NAME else name.rpartition(".")[2] for name in package.packages()},
      cmdclass={"build_py": BuildPackage},
      options={"build": {"build_base": str(BUILD)}, "egg_info": {"egg_base": str(BUILD)}})
