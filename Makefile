# SPDX-License-Identifier: GPL-2.0
# Verbs for people. What is built, and how, is in Kbuild; what runs it is in tools/vm.

# The knobs, which the verbs read from the environment.
export KDIR KERNEL KERNEL_SRC VM SUITE NAME PARAMETERS ITEMS ROUNDS CYCLES FREEZES SCHEDULES KICKS SWITCHINGS PRESSURE ALARM V MACHINES W WRITE CMWQ2_CACHE
export WORKLOAD PROFILES PRODUCERS SEED FULL
export CLAIM WAKE PICK POOL MIN_IDLE WORKERS TIMEOUTS SWITCHES STRICT FAULT FAULTS MODEL LIMIT RAISED CANCELS
ifneq ($(origin CC),default)
export CC
endif

VERBS := modules check check-harness check-faults check-compat style parity model bench cost icount baseline soak experiment experiments demo dump shell kernels clean distclean

help:
	@sed -n 's/^## \{0,1\}//p' $(firstword $(MAKEFILE_LIST))

# What else was asked for may have the knobs that this verb has not. MAKEFLAGS, which make exports, has their names.
export GOALS := $(MAKECMDGOALS)

# Without anything that needs a shell in between: the verb has to notice when make is killed.
$(VERBS):
	@tools/vm/vm $@

.PHONY: help $(VERBS)

## make modules [KDIR=dir] [W=1] [FAULTS=1]
##             the modules beside their sources, for the running kernel or that of KDIR; seconds;
##             installs nothing
## make demo   the benchmark table from User-Mode Linux, then a look into a busy x86 guest with drgn;
##             15 minutes the first time, then 90 seconds
## make check [VM=v,...] [SUITE=glob]
##             every suite on uml, x86 and debug; 50 minutes the first time, then 15
## make check KERNEL=6.1|6.12|7.2
##             every suite that applies, on x86 with a kernel of that series; 15 minutes the first
##             time, then 5; what does not apply is listed with the reason
## make check-harness [SUITE=glob]
##             every way to fail, fed to the harness; 4 minutes
## make check-faults [FAULT=glob]
##             the engine with each fault of tools/vm/faults/ in turn, which a test must notice;
##             10 minutes; make modules FAULTS=1 builds such an engine in out/, insmod it with
##             fault=name
## make check-compat
##             the modules built for and loaded into Debian's own 6.1, 6.12 and 7.2 kernels; there
##             the lines with bpftrace, perf and trace-cmd of the documentation; 15 minutes
## make style [VM=v]
##             checkpatch, sparse, W=1, kernel-doc and the Python tests, also a part of make check
## make parity [KDIR=dir] [WRITE=1]
##             every public name of the kernel's workqueue and its twin here, or why there is none;
##             and the tables of policies in README.md and Documentation/policy-howto.rst; seconds;
##             WRITE=1 writes all that into the documents and into include/cmwq2/shim.h
## make bench [VM=uml|x86|host] [WORKLOAD=list|all|aa] [PROFILES=list] [ROUNDS=n] [SEED=n] [FULL=1]
##             the benchmarks in one boot: out/bench/VM/report.json, tables, plots and report.html;
##             10 minutes, with FULL=1 under 60; tools/bench compare A.json B.json puts two reports
##             side by side, agree counts the ratios of two that agree, summary makes one table; aa
##             is native against native 100 times
## make cost [ROUNDS=n]
##             instructions an idle cmwq2 adds to a switch between other tasks, by hook, and what
##             its measuring adds to an item (as root); 4 minutes
## make icount [PARAMETERS=list] [WRITE=1]
##             instructions of queueing and running an item, native and each profile, held against
##             tools/vm/icount.json, also a part of make check, and against lib/test_workqueue; a
##             minute; PARAMETERS= are those of cmwq2, wake_cost_us=1; WRITE=1 renews the file
## make baseline [VM=uml|x86] [ROUNDS=n] [ITEMS=n] [PRODUCERS=n]
##             native's roundtrip through cmwq2_bench and through lib/test_workqueue, in turns in
##             one boot: within 3 % by the clock? 5 minutes on a quiet machine
## make soak [ITEMS=n] [ROUNDS=n] [SCHEDULES=n] [KICKS=n] [SWITCHINGS=n] [PRESSURE=s] [ALARM=s]
##           [CYCLES=n] [FREEZES=n] [VM=v] [SUITE=glob]
##             1000000 items through every kind of queue (cmwq2_stress), 200 rounds of insmod, run,
##             rmmod (cmwq2_load), 1000 of each forced schedule (cmwq2_interleave*), 1000 of a load
##             under each claim and wake (cmwq2_kick), 10000 policy switches (cmwq2_switch), 60 s
##             without new workers for each policy of the rescuer (cmwq2_pressure), and torture in
##             which the watchdog must find nothing, 15 minutes for each of two thresholds
##             (cmwq2_alarm), on debug; a CPU that goes and comes 500 times (cmwq2_hotplug) and 100
##             freezes (cmwq2_freezer) on x86-debug; hours
## make experiment NAME=n [VM=v] [WRITE=1]
## make experiments [VM=v] [WRITE=1]
##             questions that the mails argue about, answered by running something: kick-vs-cull,
##             claims, coalescing, rescuer, wakeup-cost, switching; all of them 15 minutes warm;
##             WRITE=1 puts what they print into Documentation/experiments.rst
## make model [MODEL=kick|line] [CLAIM=c] [WAKE=w] [PICK=p] [POOL=p] [MIN_IDLE=n] [FAULT=f]
##           [WRITE=1]
##             a model of a pool's kicks, wakeups and culling, and one of the slots of max_active that
##             pools share, checked in all schedules under every policy and with faults put back in;
##             4 minutes; WRITE=1 puts what came out into model.rst
## make shell [VM=v] [KERNEL=s]
##             a console in a booted kernel with the modules in /modules; from a file or a pipe its
##             lines are run there: echo 'insmod cmwq2.ko' | make shell
## make dump   tools/wq_dump.py, taken from outside a busy x86 guest
## make kernels [VM=v,...] [KERNEL=s]
##             only build the kernels; uml and debug 3 minutes each, x86 8, x86-debug 15
## make clean | distclean
##             remove what was built here | and kernels, sources and packages as well
##
## VM=v             uml, x86, debug or x86-debug; with an older KERNEL= x86 or x86-debug
## KERNEL=s         6.1, 6.12, 7.2 or 7.3 (the default): Debian's newest source of that series
## KERNEL_SRC=dir   a kernel source tree of your own instead of Debian's newest 7.3
## CMWQ2_CACHE=dir  where sources and kernels are kept, shared between checkouts (default: out/)
## MACHINES=n       how many guests check and soak have at a time (default: 3)
## V=1              show the commands and all they say
## A name or a value that a verb does not know is refused before anything is done.
##
## It takes Python 3.9 or newer and GNU make. All but modules install what is missing with apt-get on
## Debian (root or sudo), and print it elsewhere:
## gcc make binutils flex bison bc libelf-dev busybox-static xz-utils qemu-system-x86 python3-venv
## mmdebstrap patch perl sparse spin.
## Everything else is kept under out/. Exit status of tools/vm/vm VERB: 0 passed, 1 failed, 2 the
## machine was lost; make itself says 2 for both of the latter.
