# SPDX-License-Identifier: GPL-2.0
"""The command line of tools/vm/vm: its verbs, and the options of each. An option stands for the knob of the same name,
which make passes in the environment: `vm check --vm uml` is `make check VM=uml`.

Other modules read the cache's place from the environment when they are imported, so this one must not import any of
them."""

import argparse
import os
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

# For each knob the word that stands for its value in the help, and its description. A knob without a word is a switch.
KNOBS: dict[str, tuple[str, str]] = {
    "AGAIN": ("", "judge those again that survived the last time"),
    "ALARM": ("S", "seconds of heavy load in which the watchdog must not report a stall"),
    "BOOTS": ("N", "in how many boots the set of benchmarks runs (default: 1)"),
    "CANCELS": ("N", "how many items the model may cancel"),
    "CC": ("GCC", "the compiler"),
    "CLAIM": ("C", "only this value of the policy claim"),
    "CMWQ2_CACHE": ("DIR", "where sources and kernels are kept (default: out/)"),
    "CPUS": ("N", "how many CPUs the guest has, or how many online CPUs the pod of the model's pool has"),
    "CYCLES": ("N", "how often a CPU goes offline and online; make torture: and all else that it repeats"),
    "DESTDIR": ("DIR", "install into this directory, of which a package is made"),
    "EDITS": ("LIST", "edits of tools/upstream: all, fixes, or names"),
    "ENGINE": ("E", "native: only test the kernel's own workqueue"),
    "FAULT": ("NAME", "only this fault; check-faults takes a glob"),
    "FAULTS": ("", "build an engine that contains the faults of check-faults"),
    "FREEZES": ("N", "how often the system is frozen"),
    "FUNCTIONS": ("", "list the instructions by function"),
    "FULL": ("", "run more rounds, for figures that are published"),
    "HOURS": ("N", "how many hours the shortened clocks of culling and watchdog stand for"),
    "INSTALL_MOD_PATH": ("DIR", "the directory that has lib/modules (default: DESTDIR)"),
    "ITEMS": ("N", "how many items"),
    "KDIR": ("DIR", "a kernel's build directory (default: of the running kernel)"),
    "KERNEL": ("S", "series of the kernel: 6.1, 6.12, 7.2 or 7.3 (the default)"),
    "KERNEL_SRC": ("DIR", "a kernel source tree instead of Debian's newest"),
    "KICKS": ("N", "how often a load runs under each value of claim and wake"),
    "LIMIT": ("N", "the model's max_active at the start"),
    "LIST": ("FILE", "a list of source files in the kernel's tree"),
    "LITMUS": ("GLOB", "only litmus tests whose name matches"),
    "MACHINES": ("N", "how many guests run at a time (default: 3)"),
    "MIN_IDLE": ("N", "how many idle workers the model keeps"),
    "MODEL": ("M", "the model: kick, line or inbox"),
    "MOVED": ("", "compare lib/test_workqueue as it is with a copy that is moved to cmwq2"),
    "MUTANTS": ("N", "how many changes are made (default: 60)"),
    "NAME": ("NAME", "name of the experiment"),
    "PARAMETERS": ("LIST", "parameters of cmwq2, such as 'wake_cost_us=1 hook=timer'"),
    "PICK": ("P", "only this value of the policy pick"),
    "POLICY": ("LIST", "policies of the patched kernel, each as POLICY=VALUE"),
    "POOL": ("P", "only this kind of pool"),
    "PREFIX": ("DIR", "where the tools are installed (default: /usr/local)"),
    "PRESSURE": ("S", "seconds in which no worker can be created"),
    "PRODUCERS": ("N", "how many threads queue items"),
    "PROFILES": ("LIST", "profiles or policies (default: all profiles)"),
    "RAISED": ("N", "the value to which the model raises max_active, at any time"),
    "REPAIRED": ("", "the kernel has none of its known faults any more"),
    "ROUNDS": ("N", "how many rounds"),
    "SCHEDULES": ("N", "how often each forced schedule runs"),
    "SEED": ("N", "seed for the random order of runs, or of the first random program"),
    "STEER": ("N", "how many of 100 random programs are changes of earlier ones (default: 25)"),
    "STRICT": ("N", "1: the model must not reap a kicked worker while items are pending"),
    "SUITE": ("GLOB", "only suites or cases whose name matches"),
    "SWITCH": ("S", "what the model switches once, at any time: claim, wakeup, concurrency or cpus"),
    "SWITCHINGS": ("N", "how often policies are switched"),
    "TIME": ("S", "seconds for which random programs run (default: 600), or after which make torture stops"),
    "TIMEOUTS": ("N", "how often the model's idle timeout passes (default: at any time)"),
    "TURN": ("US", "how long the turns of the guest's CPUs are, 0 for no limit"),
    "V": ("", "show the commands and all of their output"),
    "VM": ("V", "vehicles: uml, x86, debug, uml-io, x86-debug, x86-keys, kcsan, rt, arm64; with commas if allowed"),
    "W": ("N", "compiler warnings, as for the kernel: one or more of 1, 2, 3, c, e"),
    "WAKE": ("W", "only this value of the policy wake"),
    "WAKEUP": ("W", "only this value of the policy wakeup"),
    "WORKERS": ("N", "how many workers the model has"),
    "WORKLOAD": ("LIST", "workloads, or all, aa (native against itself) or dmcrypt (fio on dm-crypt)"),
    "WRITE": ("", "write the results into the committed files"),
}
# The knobs that every verb has.
EVERYWHERE = {"V", "CMWQ2_CACHE"}
_KERNEL = {"KERNEL", "KERNEL_SRC"}
_MODEL = {"CLAIM", "WAKE", "POOL", "MIN_IDLE", "WORKERS", "TIMEOUTS", "SWITCH", "STRICT", "PICK", "FAULT", "MODEL",
          "WAKEUP", "CPUS", "LIMIT", "RAISED", "CANCELS"}
_INSTALL = {"KDIR", "DESTDIR", "INSTALL_MOD_PATH", "PREFIX"}
_EXPERIMENT = {"VM", "WRITE", "ROUNDS", "ITEMS", "KERNEL_SRC"}

VERBS: dict[str, set] = {
    "modules": {"KDIR", "W", "FAULTS", "CC"},
    "install": {*_INSTALL, "CC"},
    "uninstall": _INSTALL,
    "deb": set(),
    "check": {"VM", "SUITE", "MACHINES", "ENGINE", "EDITS", "REPAIRED", "POLICY", *_KERNEL},
    "check-all": {"MACHINES", "KERNEL_SRC"},
    "check-harness": {"VM", "SUITE", *_KERNEL},
    "check-faults": {"FAULT", "ENGINE", "MACHINES", "KERNEL_SRC"},
    "mutants": {"MUTANTS", "SEED", "AGAIN", "MACHINES", "KERNEL_SRC"},
    "check-compat": set(),
    "check-packages": {"KERNEL"},
    "style": {"VM", "KERNEL_SRC"},
    "docs": {"KERNEL_SRC"},
    "parity": {"KDIR", "WRITE", *_KERNEL},
    "model": {*_MODEL, "WRITE"},
    "litmus": {"LITMUS", "KERNEL_SRC"},
    "drivers": {"LIST", "WRITE", "KERNEL_SRC"},
    "fuzz": {"TIME", "SEED", "STEER", "VM", "FAULT", "WRITE", "MACHINES", *_KERNEL},
    "bench": {"VM", "WORKLOAD", "PROFILES", "ROUNDS", "SEED", "BOOTS", "FULL", "KDIR", "CC", *_KERNEL},
    "cost": {"ROUNDS", *_KERNEL},
    "transfer": {"VM", "POLICY", "ROUNDS", "BOOTS", "SEED", "WRITE", "KERNEL_SRC"},
    "series": {"POLICY", "KERNEL_SRC"},
    "icount": {"VM", "PARAMETERS", "PROFILES", "FUNCTIONS", "WORKLOAD", "ROUNDS", "WRITE", "KERNEL_SRC"},
    "lines": {"VM", "CPUS", "BOOTS", "ITEMS", "PROFILES", "TURN", "WRITE", "KERNEL_SRC"},
    "scale": {"WRITE"},
    "baseline": {"VM", "ROUNDS", "ITEMS", "PRODUCERS", "MOVED", *_KERNEL},
    "soak": {"ITEMS", "ROUNDS", "SCHEDULES", "KICKS", "SWITCHINGS", "PRESSURE", "ALARM", "CYCLES", "FREEZES", "VM",
             "SUITE", "MACHINES", *_KERNEL},
    "torture": {"ITEMS", "CYCLES", "HOURS", "TIME", "SEED", "VM", "FAULT", *_KERNEL},
    "experiment": {"NAME", *_EXPERIMENT},
    "experiments": _EXPERIMENT,
    "dump": {"KERNEL_SRC"},
    "demo": {"KERNEL_SRC"},
    "shell": {"VM", *_KERNEL},
    "kernels": {"VM", *_KERNEL},
    "clean": set(),
    "distclean": set(),
}
WHAT: dict[str, str] = {
    "modules": "build the modules beside their sources",
    "install": "build the modules, and install them and the tools",
    "uninstall": "remove what install has installed",
    "deb": "build the Debian packages cmwq2-dkms and cmwq2-tools",
    "check": "run all suites on the usual vehicles",
    "check-all": "run all suites on all vehicles, also on those that take long",
    "check-harness": "make guests fail in every known way, and check that the harness reports it",
    "check-faults": "put one fault at a time into the engine, and check that a test detects it",
    "mutants": "make small changes in the engine, one at a time, and say which ones no suite notices",
    "check-compat": "build the modules for Debian's own kernels, and run them there",
    "check-packages": "install, use, upgrade and remove the Debian packages on Debian's own kernels",
    "style": "check the style of the sources, and run the Python tests",
    "docs": "make the pages of the documentation, man pages and shell completion",
    "parity": "list each public name of the kernel's workqueue with its counterpart in cmwq2",
    "model": "search all schedules of the models",
    "litmus": "check the barriers with the kernel's memory model",
    "drivers": "move drivers of the kernel's tree to cmwq2, and compile them",
    "fuzz": "run random programs of calls on both engines, and judge them",
    "bench": "run a set of benchmarks, and write a report",
    "cost": "count the instructions that an idle cmwq2 adds to a task switch",
    "transfer": "compare what policies gain in the kernel with what they gain in cmwq2",
    "series": "write the edits of the kernel as a series of patches",
    "icount": "count the instructions of queueing, and compare them with committed figures",
    "lines": "count the cache lines that move between CPUs for each item, by structure and field",
    "scale": "predict items per second on many CPUs, and compare with published figures",
    "baseline": "compare native's figures from cmwq2_bench with those from lib/test_workqueue",
    "soak": "run long tests for hours: many items, module loads, CPU hotplug and freezes",
    "torture": "run all kinds of queues while everything around them changes, and sum up over many boots",
    "experiment": "test one claim made on the mailing list by experiment",
    "experiments": "run all experiments",
    "dump": "show a dump of a busy guest, taken from outside",
    "demo": "show a benchmark table, then a dump of a busy guest",
    "shell": "open a console in a guest",
    "kernels": "build the kernels, and print where they are",
    "clean": "remove what was built here, but keep the kernels",
    "distclean": "remove everything that is not source",
}
STATUS = "Exit status: 0 passed, 1 failed or refused, 2 the guest was lost, 130 interrupted."
MORE = "make VERB takes the same options as variables: VM=uml means\n--vm uml. make help describes each verb.\n"


class _Parser(argparse.ArgumentParser):
    """A parser that reports an error in one line and exits with status 1, as verbs do when they refuse a value."""

    def error(self, message: str) -> NoReturn:
        """Report the error and exit."""
        self.exit(1, f"cmwq2: {message}; see {self.prog} --help\n")


class _Version(argparse.Action):
    """Shows the version. It is read only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
        import cli
        print(f"{parser.prog} of cmwq2 {cli.version()}")
        parser.exit()


def of_model() -> Sequence[str]:
    """Return the sorted names of the knobs that check_model.py takes."""
    return sorted(VERBS["model"])


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line. The default of an option is its variable in the environment."""
    top = _Parser(prog="vm", description="The harness of cmwq2.", allow_abbrev=False,
                  epilog=f"{MORE}\n{textwrap.fill(STATUS, 60)}", formatter_class=argparse.RawDescriptionHelpFormatter)
    top.add_argument("-V", "--version", action=_Version, nargs=0, help="show the version of cmwq2 and exit")
    verbs = top.add_subparsers(dest="verb", metavar="VERB", required=True, parser_class=_Parser)
    for verb, names in VERBS.items():
        each = verbs.add_parser(verb, help=WHAT[verb], description=f"{WHAT[verb].capitalize()}.", epilog=STATUS,
                                allow_abbrev=False)
        for name in sorted(names | EVERYWHERE):
            word, text = KNOBS[name]
            flags = [f"--{name.lower().replace('_', '-')}"] if name != "V" else ["-v", "--verbose"]
            more: dict = {"metavar": word} if word else {"action": "store_const", "const": "1"}
            each.add_argument(*flags, dest=name.lower(), help=text, default=os.environ.get(name) or "", **more)
    return top


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Parse the command line. Put what it says into the environment, too, for all that a verb calls or starts."""
    given = parser().parse_args(words)
    for name in VERBS[given.verb] | EVERYWHERE:
        value = getattr(given, name.lower())
        if value:
            os.environ[name] = value
    return given
