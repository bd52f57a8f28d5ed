# SPDX-License-Identifier: GPL-2.0
"""A kernel of a few headers, for the tests of this package. Its drivers compile within milliseconds. The shim is
reduced to a few names, too."""

import re
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from porting import reasons, units

HEADERS = {
    "include/linux/workqueue.h": """#ifndef _LINUX_WORKQUEUE_H
#define _LINUX_WORKQUEUE_H
struct work_struct { long data; void (*func)(struct work_struct *work); };
struct workqueue_struct;
struct delayed_work {
	struct work_struct work;
};
static inline void init_work(struct work_struct *work, void (*func)(struct work_struct *)) { work->func = func; }
#define INIT_WORK(work, func) init_work(work, func)
static inline int schedule_work(struct work_struct *work) { return !!work; }
static inline int flush_work(struct work_struct *work) { return !!work; }
#endif
""",
    "include/linux/printk.h": """#ifndef _LINUX_PRINTK_H
#define _LINUX_PRINTK_H
#ifndef pr_fmt
#define pr_fmt(fmt) fmt
#endif
#ifdef QUIET
#define pr_info(fmt) 0
#else
#define pr_info(fmt) (pr_fmt(fmt) != 0)
#endif
#endif
""",
    "include/linux/tty.h": """#ifndef _LINUX_TTY_H
#define _LINUX_TTY_H
#include <linux/workqueue.h>
struct tty_struct {
	int count;
	struct work_struct SAK_work;
	struct workqueue_struct *wq;
};
int tty_queue(struct work_struct *work);
void tty_done(struct work_struct *work);
#endif
""",
    "include/linux/again.h": "enum { AGAIN };\n",
    "include/generated/autoconf.h": "",
}
SHIM = """#ifndef CMWQ2_SHIM_H
#define CMWQ2_SHIM_H
#include <linux/workqueue.h>
struct cmwq2_work { long data; void (*func)(struct cmwq2_work *work); int queued, ready; };
struct cmwq2_wq;
static inline void cmwq2_init_work(struct cmwq2_work *work, void (*func)(struct cmwq2_work *)) { work->func = func; }
static inline int cmwq2_schedule_work(struct cmwq2_work *work) { return !!work; }
static inline int cmwq2_flush_work(struct cmwq2_work *work) { return !!work; }
#undef INIT_WORK
#define INIT_WORK(work, func) cmwq2_init_work(work, func)
#define work_struct cmwq2_work
#define workqueue_struct cmwq2_wq
#define schedule_work cmwq2_schedule_work
#define flush_work cmwq2_flush_work
#define CMWQ2_SHIM_PRAGMA(what) _Pragma(#what)
#define CMWQ2_SHIM_REFUSED(why) CMWQ2_SHIM_PRAGMA(GCC error why)
#define PF_WQ_WORKER \\
	CMWQ2_SHIM_REFUSED("PF_WQ_WORKER: threads of cmwq2 do not have this flag")
#ifdef CMWQ2_SHIM_DELAYED_WORK_IS_A_NAME
#define delayed_work cmwq2_delayed_work
#else
#define delayed_work __attribute__((aligned(8))) cmwq2_delayed_work
#endif
struct cmwq2_delayed_work { struct cmwq2_work work; };
#endif
"""
# As Kbuild does, it compiles a file and writes the command beside the object. A makefile says which module files belong
# to.
KBUILD = r"""
MAKEFLAGS += -r
module = $(or $(shell sed -n 's/^module = //p' $(dir $(1))Makefile),$(basename $(notdir $(1))))
compile = gcc -std=gnu11 -g -Wall -Werror=incompatible-pointer-types -I $(CURDIR)/include \
	$(if $(shell grep ^built $(dir $(1))Makefile),,-DMODULE) \
	-DKBUILD_MODNAME='"$(call module,$(1))"' \
	-DKBUILD_BASENAME='"$(basename $(notdir $(1)))"'
saved = $(dir $(1)).$(notdir $(1)).cmd
%.o: %.c
	$(call compile,$<) -c -o $@ $<
	$(file >$(call saved,$@),savedcmd_$@ := $(call compile,$<) -c -o $@ $<)
	{ printf '\n\ndeps_$@ := \n'; gcc -I $(CURDIR)/include -M $< | tr -s ' \\\n' '\n' | sed '1d; s/^/  /'; echo; } \
		>> $(call saved,$@)
modules: $(patsubst %.c,%.o,$(wildcard $(M)/*.c))
ifneq ($(M),)
$(filter %.o,$(MAKECMDGOALS)): %.o: $(M)/%.o ;
endif
drivers/%/: FORCE
	$(MAKE) --no-print-directory $(patsubst %.c,%.o,$(wildcard $@*.c))
%.mod: FORCE
	printf '%s\n' $(patsubst %.c,%.o,$(wildcard $(dir $@)*.c)) > $@
.PHONY: FORCE modules
FORCE:;
"""
FLAGS = ("gcc", "-std=gnu11", "-g", "-Wall", "-Werror=incompatible-pointer-types", "-DMODULE")


class Kernel(unittest.TestCase):
    """A test with a kernel in a directory of its own, and with a small shim."""

    def setUp(self) -> None:
        """Make the kernel and the shim."""
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.home = Path(temporary.name).resolve()
        self.tree = self.home / "linux"
        self.work = self.home / "work"
        self.work.mkdir()
        self.put(HEADERS)
        self.put({".config": "CONFIG_X86_64=y\n", "Makefile": KBUILD})
        include = self.home / "cmwq2/include"
        (include / "cmwq2").mkdir(parents=True)
        (include / "cmwq2/shim.h").write_text(SHIM)
        for name, value in (("INCLUDE", include), ("SHIM", include / "cmwq2/shim.h")):
            patch = mock.patch.object(reasons, name, value)
            patch.start()
            self.addCleanup(patch.stop)
        reasons.refusals.cache_clear()
        self.addCleanup(reasons.refusals.cache_clear)
        self.own = units.kernel(self.tree)

    def put(self, files: dict) -> None:
        """Write files into the kernel's tree."""
        for name, text in files.items():
            path = self.tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def unit(self, name: str, text: str, module: str = "") -> units.Unit:
        """Write the source @name, compile it as Kbuild would, and return it. @module: another name than the file's."""
        self.put({name: text})
        source = self.tree / name
        words = [*FLAGS, "-I", str(self.tree / "include"), f'-DKBUILD_MODNAME="{module or source.stem}"',
                 f'-DKBUILD_BASENAME="{source.stem}"']
        subprocess.run([*words, "-c", "-o", str(source.with_suffix(".o")), str(source)], check=True,
                       stderr=subprocess.DEVNULL)
        listed = subprocess.run([*words, "-M", str(source)], check=True, stdout=subprocess.PIPE, text=True).stdout
        headers = [Path(path) for path in re.split(r"[\s\\]+", listed.partition(":")[2]) if path]
        return units.Unit(source, source.with_suffix(".o"), self.tree, tuple(words), tuple(headers))
