# SPDX-License-Identifier: GPL-2.0
# The verbs that people type. Kbuild says what is built and how. The verbs themselves are in tools/vm.

# The knobs. The verbs read them from the environment.
export KDIR KERNEL KERNEL_SRC VM SUITE NAME PARAMETERS ITEMS ROUNDS CYCLES HOURS FREEZES SCHEDULES KICKS SWITCHINGS PRESSURE ALARM V MACHINES W WRITE CMWQ2_CACHE
export DESTDIR INSTALL_MOD_PATH PREFIX
export WORKLOAD PROFILES PRODUCERS SEED FULL FUNCTIONS BOOTS TIME POLICY ENGINE EDITS REPAIRED MOVED
export CLAIM WAKE WAKEUP PICK POOL MUTANTS AGAIN CPUS MIN_IDLE WORKERS TIMEOUTS SWITCH STRICT FAULT FAULTS MODEL LIMIT RAISED CANCELS LITMUS LIST TURN STEER
ifneq ($(origin CC),default)
export CC
endif

VERBS := modules install uninstall deb check check-all check-harness check-faults mutants check-compat check-packages style docs parity model litmus drivers fuzz bench cost transfer series icount lines scale baseline soak torture experiment experiments demo dump shell kernels clean distclean

help:
	@sed -n 's/^## \{0,1\}//p' $(firstword $(MAKEFILE_LIST))

# One make command may have several goals, and each knob only has to belong to one of them. So the harness gets all
# goals. The names of the knobs are in MAKEFLAGS, which make exports.
export GOALS := $(MAKECMDGOALS)

# No shell may run between make and the verb, because the verb has to notice when make is killed. So this line must be
# one that make runs without a shell.
$(VERBS):
	@tools/vm/vm $@

.PHONY: help $(VERBS)

## make modules [KDIR=dir] [W=1] [FAULTS=1]
##             builds the modules beside their sources, for the running kernel or for the kernel in
##             KDIR; seconds; installs nothing
## make install | uninstall [KDIR=dir] [PREFIX=dir] [DESTDIR=dir] [INSTALL_MOD_PATH=dir]
##             builds the modules for that kernel and installs them into lib/modules, and the tools
##             below PREFIX (default: /usr/local) as wq-dump and so on | removes all of it; as root;
##             Documentation/install.rst
## make deb    builds the Debian packages cmwq2-dkms and cmwq2-tools in a chroot (as root), and checks
##             them with lintian; 2 minutes the first time, then 30 s
## make demo   prints a benchmark table from User-Mode Linux, then a dump of a busy x86 guest, taken
##             with drgn; 15 minutes the first time, then 90 seconds
## make check [VM=v,...] [SUITE=glob]
##             runs every suite on uml, x86 and debug, and on x86 and debug also loop, dm-crypt and
##             wireguard of the kernel on cmwq2 (SUITE='cmwq2_drivers_*', Documentation/drivers.rst);
##             70 minutes the first time, then 18
## make check KERNEL=6.1|6.12|7.2
##             runs every suite that this series supports, on x86, and lists the others with the
##             reason; 15 minutes the first time, then 5
## make check ENGINE=native [EDITS=all|fixes|names] [POLICY=list] [REPAIRED=1] [KERNEL_SRC=dir]
##             only tests the kernel's own workqueue: the native halves of all suites; EDITS= puts
##             edits of tools/upstream into the kernel first, and POLICY= switches policies of them
##             on; REPAIRED=1 says that the kernel in KERNEL_SRC has none of the faults that 7.3 is
##             known to have; 3 minutes
## make check-all
##             what make check does, and also the vehicles that find other errors but take long: all
##             suites on kcsan, where a data race of cmwq2 fails the suite, on rt, which has
##             PREEMPT_RT, and on arm64; 75 minutes more
## make check-harness [SUITE=glob]
##             makes guests fail in every known way, and checks that the harness reports each failure;
##             4 minutes
## make check-faults [FAULT=glob]
##             puts each fault of tools/vm/faults/ into the engine, one at a time, and checks that a
##             test detects it; 10 minutes; make modules FAULTS=1 builds such an engine in out/; load
##             it with insmod cmwq2.ko fault=name
## make check-faults ENGINE=native [FAULT=glob]
##             puts the faults of tools/upstream/faults/ into the kernel's own workqueue, one at a
##             time, and checks that a suite detects each; 5 minutes
## make mutants [MUTANTS=n] [SEED=n] [AGAIN=1] [MACHINES=n]
##             makes 60 small changes in the engine, one at a time, which SEED= chooses, and those of
##             tools/vm/mutants/by_hand.txt; runs the suites that run the changed function; prints
##             which changes no suite notices; goes on where it was interrupted; AGAIN=1: judges only
##             those again that no suite has noticed; 45 minutes
## make check-compat
##             builds the modules for Debian's own 6.1, 6.12 and 7.2 kernels and its 6.12 for arm64,
##             and boots these kernels; loads the modules there and runs a benchmark, and on x86 also
##             the bpftrace, perf and trace-cmd commands of Documentation/monitoring.rst; 15 minutes
## make check-packages [KERNEL=6.1|6.12|7.2]
##             installs the packages of make deb into Debian systems, boots these with Debian's own
##             kernels, uses what was installed, compares wq-dump of the running kernel with that of
##             vmcores, upgrades and removes it (as root); downloads 2 GB for each system the first
##             time; 20 minutes
## make style [VM=v]
##             runs checkpatch, sparse, W=1, kernel-doc and the Python tests; make check runs it, too
## make docs   makes the pages of Documentation/ and of the API, man pages and shell completion of all
##             commands, in out/docs; 1 minute
## make parity [KDIR=dir] [WRITE=1]
##             lists every public name of the kernel's workqueue with its counterpart in cmwq2, or with
##             the reason why there is none; compares this list and the tables of policies with the
##             documents and with include/cmwq2/shim.h; seconds; WRITE=1 updates these files
## make bench [VM=uml|x86|arm64|host] [WORKLOAD=list|all|aa|dmcrypt] [PROFILES=list] [BOOTS=n]
##           [ROUNDS=n] [SEED=n] [FULL=1]
##             runs the benchmarks in one boot, or all of them in each of BOOTS=n boots, and writes
##             out/bench/VM/report.json, tables, plots and report.html; 15 minutes a boot, with FULL=1
##             up to 60; a run during which the machine was busy is made once more; WORKLOAD=aa
##             compares native with itself 100 times; WORKLOAD=dmcrypt runs fio on dm-crypt, on the
##             kernel's workqueue and on cmwq2, and writes out/bench/dmcrypt-VM/, 16 minutes;
##             tools/bench compare, agree, goals, summary and fleet work with the other reports
## make cost [ROUNDS=n]
##             counts the instructions that an idle cmwq2 adds to a switch between other tasks, for
##             each hook, and (as root) those that its statistics add to an item; 4 minutes
## make transfer [POLICY=list] [VM=uml|x86] [ROUNDS=n] [BOOTS=n] [SEED=n] [WRITE=1]
##             puts policies of cmwq2, or POLICY=shared, into the kernel's own workqueue
##             (tools/upstream/edits/), and compares in one boot what each gains there and in cmwq2;
##             5 minutes for a policy and boot; an interrupted call goes on when it is made again;
##             WRITE=1 puts the figures into Documentation/transfer.rst, beside those of other
##             policies, and into tools/vm/transfer-VM.json
## make series [POLICY=list]
##             writes patches to out/series/ that repair faults of kernel/workqueue.c, test it with
##             KUnit and add a policy, with a cover letter that has the figures of make transfer;
##             runs checkpatch; builds and tests each patch; 15 minutes; sends nothing
## make icount [VM=x86|x86-keys] [PROFILES=list] [FUNCTIONS=1] [WORKLOAD=list] [ROUNDS=n]
##           [PARAMETERS=list] [WRITE=1]
##             counts the instructions of queueing and running an item, for native and each profile;
##             compares them with tools/vm/icount-VM.json and with lib/test_workqueue; make check runs
##             it, too, on x86; 1 minute; VM=x86-keys counts with jump labels; FUNCTIONS=1 lists them
##             by function instead, for native and mainline-7.3; WORKLOAD= counts workloads of the
##             benchmark instead, such as cancel; PROFILES= counts other profiles or policies, such as
##             pick=local; PARAMETERS= sets parameters of cmwq2, such as wake_cost_us=1; WRITE=1
##             updates the file
## make lines [VM=x86|x86-keys] [CPUS=2|4|8] [PROFILES=list] [BOOTS=n] [ITEMS=n] [TURN=us]
##           [WRITE=1]
##             counts the cache lines that move between CPUs for each item, for native and for
##             mainline-7.3 and shared or the profiles or policies in PROFILES=, and lists them by
##             structure, field and phase; compares them with tools/vm/lines-VM.json, which WRITE=1
##             updates; make check does this for every profile, on x86; writes
##             out/lines/VM/lines.json; Documentation/lines.rst
## make scale [WRITE=1]
##             predicts items/s on 1 to 128 CPUs for each scope and policy, from the committed counts
##             per item; compares the model with figures that others have published; seconds; writes
##             out/scale/; WRITE=1 puts the output into Documentation/scale.rst
## make baseline [VM=uml|x86] [ROUNDS=n] [ITEMS=n] [PRODUCERS=n] [MOVED=1]
##             runs native's roundtrip in cmwq2_bench and in lib/test_workqueue alternately, in one
##             boot, and checks that the times differ by at most 3 %; 5 minutes on a quiet machine;
##             MOVED=1 compares lib/test_workqueue with a copy that is moved to cmwq2 instead
## make soak [ITEMS=n] [ROUNDS=n] [SCHEDULES=n] [KICKS=n] [SWITCHINGS=n] [PRESSURE=s] [ALARM=s]
##           [CYCLES=n] [FREEZES=n] [VM=v] [SUITE=glob]
##             runs long tests for hours. On debug: 1000000 items through every kind of queue, and
##             again while all policies switch (cmwq2_stress); 200 rounds of insmod, run, rmmod
##             (cmwq2_load); each forced schedule 1000 times (cmwq2_interleave*); a load 1000 times
##             under each claim and wake (cmwq2_kick); 10000 policy switches (cmwq2_switch); 60 s
##             without new workers for each rescuer policy (cmwq2_pressure); and heavy load for 15
##             minutes with each of two watchdog thresholds, which must not report a stall
##             (cmwq2_alarm). On x86-debug: a CPU goes offline and online 500 times
##             (cmwq2_hotplug); 100 freezes (cmwq2_freezer)
## make torture [ITEMS=n] [CYCLES=n] [HOURS=n] [TIME=s] [SEED=n] [VM=v] [FAULT=f]
##             runs every kind of queue at once while policies switch, CPUs go down and up, and the
##             system is frozen, and unloads the engine under this load again and again: 100000000
##             items, 1000 times each, 24 hours of shortened clocks; on debug, or on x86-debug, which
##             has hotplug and freezes, too; ends after TIME= seconds, goes on where it was the next
##             time, and says what is left; FAULT= must find this fault of check-faults
## make experiment NAME=n [VM=v] [WRITE=1]
## make experiments [VM=v] [WRITE=1]
##             tests claims by experiment, those made on the mailing list: kick-vs-cull, claims,
##             coalescing, rescuer, wakeup-cost; and our own: switching, pick, concurrency, wakeup,
##             inbox, spin; lines-claims and lines-policies count cache lines; all of them take 30
##             minutes once the kernels are built; WRITE=1 puts the output into
##             Documentation/experiments.rst
## make model [MODEL=kick|line|inbox] [CLAIM=c] [WAKE=w] [WAKEUP=w] [PICK=p] [POOL=p] [MIN_IDLE=n]
##           [FAULT=f] [WRITE=1]
##             searches all schedules of three models, with every policy and also with faults: kick
##             models how a pool kicks, wakes and culls workers, line how pools share max_active, inbox
##             the inbox of a pool; 7 minutes; WRITE=1 writes into Documentation/model.rst
## make litmus [LITMUS=glob]
##             checks the barriers and lock-free reads of the engine with the kernel's memory model and
##             herd7, which is fetched and unpacked under out/ if it is missing; each test also runs
##             without each of its barriers, and must fail then; seconds; Documentation/litmus.rst
## make drivers [LIST=file] [WRITE=1]
##             moves drivers of the kernel's own tree to cmwq2, compiles them, and says which move and
##             why others do not: tools/shim/drivers.list, or the files in LIST=; 12 minutes the first
##             time, then 4; WRITE=1 puts the table into Documentation/drivers.rst
## make fuzz [TIME=s] [SEED=n] [STEER=n] [MACHINES=n] [VM=v] [FAULT=f] [WRITE=1]
##             runs random programs of workqueue calls for 600 s, on both engines at once, and judges
##             what happened; makes a program that breaks a rule as small as possible, and prints it as
##             a KUnit case; STEER= of 100 programs (25) are changes of one that made the engine run
##             new code; FAULT= looks for this fault of check-faults; WRITE=1 puts the table of
##             FAULT='*' into Documentation/fuzz.rst
## make shell [VM=v] [KERNEL=s]
##             opens a console in a booted kernel, which has the modules in /modules; runs commands
##             from a file or pipe there: echo 'insmod cmwq2.ko' | make shell
## make dump   runs tools/wq_dump.py from outside on a busy x86 guest
## make kernels [VM=v,...] [KERNEL=s]
##             only builds the kernels; uml 5 minutes, debug and x86-keys 8 each, x86, rt and arm64 12
##             each, x86-debug and kcsan 20
## make clean | distclean
##             removes what was built here | removes kernels, sources and packages as well
##
## VM=v             uml, x86, debug, uml-io, x86-debug, x86-keys, kcsan, rt or arm64; with an older
##                  KERNEL= x86 or x86-debug; x86, debug and uml-io have block devices and a network
## KERNEL=s         6.1, 6.12, 7.2 or 7.3 (the default): Debian's newest source of that series
## KERNEL_SRC=dir   a kernel source tree of your own instead of Debian's newest 7.3
## CMWQ2_CACHE=dir  where sources and kernels are kept, shared between checkouts (default: out/)
## MACHINES=n       how many guests check, check-faults, fuzz and soak run at a time (default: 3)
##                  (fuzz without FAULT=: 1)
## V=1              show the commands and all of their output
## An unknown name or value is an error, which is reported before anything is done.
##
## The tools need Python 3.9 or newer and GNU make. On Debian, all verbs except modules install missing
## packages with apt-get (as root or with sudo); on other systems they print the names:
## gcc make binutils flex bison bc libelf-dev busybox-static xz-utils qemu-system-x86 python3-venv
## mmdebstrap patch perl git sparse spin dmsetup e2fsprogs wireguard-tools fio; for VM=arm64 also
## gcc-aarch64-linux-gnu qemu-system-arm. QEMU has to be version 10 or newer. Debian 12 has an older
## one, so there the newer one of bookworm-backports is unpacked under out/ and not installed.
## Everything else is kept under out/. Exit status of tools/vm/vm VERB: 0 passed, 1 failed, 2 the guest
## ended without a verdict; make itself exits with 2 in both of the latter cases.
