# SPDX-License-Identifier: GPL-2.0
"""Runs a verb: checks its knobs, imports what the verb needs, and reports an error in one line."""

import os
import shutil
import subprocess
import sys
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Callable

from base import alive
from base.common import CACHE, EXIT_PASSED, OUT, ROOT, Problem, say, shown
from build import kernel
from verbs import knobs, options


def _vehicles(given: Namespace) -> list:
    from build import source
    from verbs import suites
    usual = suites.ORDER if source.series() == source.NEWEST else ("x86",)
    names = given.vm.split(",") if given.vm else list(usual)
    for name in names:
        kernel.vehicle(name)
    return names


def _yes(text: str) -> bool:
    return text not in ("", "0")


def _list(given: Namespace) -> list:
    return given.vm.split(",") if given.vm else []


def modules(given: Namespace) -> int:
    """Build the modules for the kernel in KDIR, by default the running one. Return the exit status, as all verbs do."""
    from build import modules as builder
    kdir = Path(given.kdir or f"/lib/modules/{os.uname().release}/build")
    builder.build_in_place(kdir, given.cc or "gcc", given.w, _yes(given.faults))
    return EXIT_PASSED


def _places(given: Namespace) -> Any:
    from build import install as installer
    kdir = Path(given.kdir or f"/lib/modules/{os.uname().release}/build")
    return installer.places(kdir, given.prefix, given.destdir, given.install_mod_path)


def install(given: Namespace) -> int:
    """Build the modules for the kernel in KDIR, and install them and the tools. Return the exit status."""
    from build import install as installer
    installer.install(_places(given), given.cc or "gcc")
    return EXIT_PASSED


def uninstall(given: Namespace) -> int:
    """Remove what install() has installed. Return the exit status."""
    from build import install as installer
    installer.uninstall(_places(given))
    return EXIT_PASSED


def deb(given: Namespace) -> int:
    """Build the Debian packages, and print how they are installed. Return the exit status."""
    from build import deb as builder
    builder.show(builder.build(OUT / "deb"))
    return EXIT_PASSED


def check(given: Namespace) -> int:
    """Run all suites on all vehicles, or those that SUITE and VM select. Return the exit status."""
    from verbs import suites
    if given.engine:
        native = suites.Native(given.edits, _yes(given.repaired), given.policy)
        return suites.check_native(_vehicles(given), given.suite or "*", native)
    return suites.check(_vehicles(given), given.suite or "*")


def check_all(given: Namespace) -> int:
    """Run all suites on the usual vehicles and on those that take long. Before, check that the harness notices what
    only the latter can find. Return the exit status."""
    from verbs import misbehave, suites
    return misbehave.check(list(suites.ON_DEMAND), "*") or suites.check([*suites.ORDER, *suites.ON_DEMAND], "*")


def check_harness(given: Namespace) -> int:
    """Make guests fail in every known way, and check that the harness reports it. Return the exit status."""
    from verbs import misbehave
    return misbehave.check(_vehicles(given), given.suite or "*")


def check_faults(given: Namespace) -> int:
    """Run the tests on the engine with one fault at a time. Return the exit status."""
    if given.engine:
        from verbs import nativefaults
        return nativefaults.check(given.fault or "*")
    from verbs import faults
    return faults.check(given.fault or "*")


def mutants(given: Namespace) -> int:
    """Make small changes in the engine, one at a time, and run the suites. Return the exit status."""
    from verbs import mutants as slips
    return slips.mutants()


def check_compat(given: Namespace) -> int:
    """Build and test the modules for Debian's own kernels. Return the exit status."""
    from verbs import compat
    return compat.check()


def fuzz(given: Namespace) -> int:
    """Run random programs on both engines, and judge them. Return the exit status."""
    from verbs import fuzz as fuzzer
    return fuzzer.fuzz(given.vm or "uml", given.fault, _yes(given.write))


def check_packages(given: Namespace) -> int:
    """Install, use, upgrade and remove the Debian packages. Return the exit status."""
    from verbs import checkpackages
    return checkpackages.check(given.kernel)


def shell(given: Namespace) -> int:
    """Open a console in a guest. Return the exit status."""
    from verbs import shell as console
    return console.shell(given.vm or "uml")


def dump(given: Namespace) -> int:
    """Run wq_dump.py from outside on a busy guest. Return the exit status."""
    from looks import dump as looker
    return looker.dump()


def demo(given: Namespace) -> int:
    """Show a benchmark table, then a dump. Return the exit status."""
    from verbs import demo as show
    return show.demo()


def bench(given: Namespace) -> int:
    """Run a set of benchmarks, and write report, tables, plots and page. Return the exit status."""
    from verbs import bench as laboratory
    return laboratory.bench(given.vm or "uml")


def cost(given: Namespace) -> int:
    """Count the instructions that an idle cmwq2 adds to a task switch. Return the exit status."""
    from verbs import cost as counter
    return counter.cost()


def transfer(given: Namespace) -> int:
    """Compare what policies gain in the kernel with what they gain in cmwq2. Return the exit status."""
    from verbs import transfer as twins
    return twins.transfer(given.vm or "uml", given.policy, _yes(given.write))


def series(given: Namespace) -> int:
    """Write the edits of tools/upstream as a series of patches, and test it. Return the exit status."""
    from verbs import series as patches
    return patches.series(given.policy)


def icount(given: Namespace) -> int:
    """Count the instructions of queueing, and compare them with committed figures, or list them by function, or count
    those of workloads. Return the exit status."""
    from verbs import functions, instructions
    from verbs import icount as counter
    vehicle = given.vm or "x86"
    if given.workload:
        return instructions.workloads(vehicle)
    return functions.functions(vehicle) if given.functions == "1" else counter.icount(vehicle)


def lines(given: Namespace) -> int:
    """Count the cache lines that move between CPUs, by structure and field. Return the exit status."""
    from verbs import lines as mover
    return mover.lines(given.vm or "x86")


def scale(given: Namespace) -> int:
    """Predict items per second on many CPUs, and compare with published figures. Return the exit status."""
    from build import packages
    plots = packages.environment("venv-bench", "requirements-bench.txt")
    write = ["--write"] if _yes(given.write) else []
    status = alive.run([plots / "bin/python", "-B", ROOT / "tools/scale.py", "--out", OUT / "scale", "--plots",
                        *write]).returncode
    if status == EXIT_PASSED:
        say(f"\n{shown(OUT / 'scale')}/report.txt, report.json and plots/")
    return status


def baseline(given: Namespace) -> int:
    """Compare native's roundtrip in cmwq2_bench and in lib/test_workqueue, or the latter with a copy that is moved to
    cmwq2. Return the exit status."""
    if _yes(given.moved):
        from verbs import movedtable
        return movedtable.compare(given.vm or "uml")
    from verbs import baseline as beside
    return beside.baseline(given.vm or "uml")


def soak(given: Namespace) -> int:
    """Run the long tests. Return the exit status."""
    from verbs import soak as patience
    return patience.soak(_list(given), given.suite or "*")


def torture(given: Namespace) -> int:
    """Run all kinds of queues while everything around them changes. Return the exit status."""
    from verbs import torture as torturer
    return torturer.torture(given.vm or "debug", given.fault)


def style(given: Namespace) -> int:
    """Check the sources with the kernel's tools, and run the Python tests. Return the exit status."""
    from style import check as critic
    return critic.style(given.vm or "x86")


def docs(given: Namespace) -> int:
    """Make the pages of the documentation, man pages and shell completion. Return the exit status."""
    from verbs import docs as pages
    return pages.docs()


def experiment(given: Namespace) -> int:
    """Run the experiment that NAME selects. Return the exit status."""
    from verbs import experiment as lab
    return lab.experiment([given.name], _list(given), _yes(given.write))


def experiments(given: Namespace) -> int:
    """Run all experiments. Return the exit status."""
    from verbs import experiment as lab
    return lab.experiment(list(lab.EXPERIMENTS), _list(given), _yes(given.write))


def parity(given: Namespace) -> int:
    """Compare the kernel's public names with cmwq2's, and check the tables of policies. Return the exit status."""
    from build import source
    tree = given.kdir or source.provide().tree
    write = ["--write"] if _yes(given.write) else []
    of_policies = alive.run([sys.executable, "-B", ROOT / "tools/policies.py", *write]).returncode
    return alive.run([sys.executable, "-B", ROOT / "tools/parity.py", *write, tree]).returncode or of_policies


def model(given: Namespace) -> int:
    """Search all schedules of the models with spin. Return the exit status."""
    from build import packages
    values = {name: getattr(given, name.lower()) for name in options.of_model()}
    checker = [sys.executable, "-B", ROOT / "tools/check_model.py",
               *(f"{name}={value}" for name, value in values.items() if value)]
    # A wrong value is reported before anything is installed.
    wrong = alive.run([*checker, "--rows"], stdout=subprocess.DEVNULL).returncode
    if wrong:
        return wrong
    try:
        packages.require("model", quiet=True)
    except Problem as problem:
        raise Problem(f"spin is missing and cannot be installed: {problem}") from None
    with alive.doing(lambda: "spin is searching the schedules of the next row"):
        return alive.run(checker).returncode


def litmus(given: Namespace) -> int:
    """Check the engine's barriers with the kernel's memory model. Return the exit status."""
    from verbs import litmus as barriers
    return barriers.check(given.litmus or "*")


def drivers(given: Namespace) -> int:
    """Move drivers of the kernel's tree to cmwq2, and compile them. Return the exit status."""
    from verbs import drivers as movers
    return movers.drivers(movers.given(), _yes(given.write))


def kernels(given: Namespace) -> int:
    """Build the kernels that VM selects, and print where they are. Return the exit status."""
    for name in _vehicles(given):
        built = kernel.provide(kernel.vehicle(name))
        say(f"  {name}: Linux {built.release} in {built.build}")
    return EXIT_PASSED


def clean(given: Namespace) -> int:
    """Remove what was built from this tree, but keep the kernels. Return the exit status."""
    for name in ("modules", "deb", "deb-later", "packages", "pip", "run", "log", "demo", "bench", "cost", "transfer",
                 "series", "upstream", "icount", "lines", "plugins", "scale", "baseline", "style", "experiments",
                 "model", "litmus", "docs", "drivers", "fuzz", "mutants", "torture", "tmp"):
        shutil.rmtree(OUT / name, ignore_errors=True)
    for pattern in ("*.o", "*.ko", "*.mod", "*.mod.c", "*.a", ".*.cmd", "modules.order", "Module.symvers",
                    ".module-common.o"):
        built = [path for top in ("src", "kunit", "bench") for path in (ROOT / top).rglob(pattern)]
        for path in (*ROOT.glob(pattern), *built):
            path.unlink()
    return EXIT_PASSED


def distclean(given: Namespace) -> int:
    """Remove everything that is not source. Return the exit status."""
    clean(given)
    shutil.rmtree(OUT, ignore_errors=True)
    return EXIT_PASSED


VERBS: dict[str, Callable[[Namespace], int]] = {
    "modules": modules, "install": install, "uninstall": uninstall, "deb": deb, "check": check,
    "check-all": check_all,
    "check-harness": check_harness, "check-faults": check_faults, "mutants": mutants, "check-compat": check_compat,
    "check-packages": check_packages, "style": style, "docs": docs, "parity": parity, "model": model, "litmus": litmus,
    "drivers": drivers, "fuzz": fuzz, "bench": bench, "cost": cost, "transfer": transfer, "series": series,
    "icount": icount, "lines": lines, "scale": scale, "baseline": baseline, "soak": soak, "torture": torture,
    "experiment": experiment,
    "experiments": experiments, "dump": dump, "demo": demo, "shell": shell, "kernels": kernels, "clean": clean,
    "distclean": distclean,
}


def _check(given: Namespace) -> None:
    """Raise Problem if a value or a directory cannot be used. Print knobs in the environment that the verb ignores."""
    verb = given.verb
    knobs.check_values(verb, os.environ)
    places = {"the checkout is in ": ROOT, "CMWQ2_CACHE=": CACHE}
    places.update({f"{name}=": Path(os.environ[name]) for name in
                   ("KERNEL_SRC", "KDIR", "DESTDIR", "INSTALL_MOD_PATH", "PREFIX") if os.environ.get(name)})
    knobs.check_places(places)
    knobs.check_writable("CMWQ2_CACHE=" if CACHE != OUT else "", str(CACHE))
    knobs.check_writable("", str(OUT))
    ignored = knobs.ignored(verb, os.environ)
    if ignored:
        say(f"  make {verb} does not use {', '.join(f'{name}={os.environ[name]}' for name in ignored)} from the "
            "environment")


def _one_line(text: object, status: int) -> int:
    print(f"cmwq2: {text}", file=sys.stderr)
    return status


def run(given: Namespace, make: Mapping[str, str]) -> int:
    """Run one verb and return the exit status. An error that the user can fix is reported in one line. @make has the
    variables GOALS and MAKEFLAGS of the make that has called this."""
    try:
        knobs.check_names(given.verb, make["GOALS"].split(), knobs.of_make(make["MAKEFLAGS"]))
        if given.verb not in ("clean", "distclean"):
            _check(given)
        return VERBS[given.verb](given)
    except Problem as problem:
        return _one_line(problem, problem.status)
    except BrokenPipeError:
        raise
    except OSError as error:
        # An error of the system is reported in one line. Unexpected errors of other types keep their traceback.
        if os.environ.get("CMWQ2_TRACEBACK"):
            raise
        return _one_line(f"{error.filename or OUT}: {error.strerror or error}", 1)
    except KeyboardInterrupt:
        return _one_line("interrupted", 130)
