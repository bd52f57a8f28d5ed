# SPDX-License-Identifier: GPL-2.0
"""Writes a program of the fuzzer as a KUnit case over kunit/lib, which can be pasted into a suite. The case makes the
same calls from the same contexts, and expects what the broken rule says. As in the fuzzer, it may need several runs."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from base.common import ROOT
from verbs.shrink import Program

FLAGS = {"percpu": "TW_PERCPU", "unbound": "TW_UNBOUND", "ordered": "TW_ORDERED", "bh": "TW_PERCPU | TW_BH",
         "highpri": "TW_HIGHPRI", "reclaim": "TW_MEM_RECLAIM", "intensive": "TW_CPU_INTENSIVE",
         "freezable": "TW_FREEZABLE"}
MAKERS = {"plain": "tw_item", "bh": "tw_item", "delayed": "tw_delayed", "rcu": "tw_rcu"}
# The statements of operations. {w} is the queue, {wq} the engine's, {it} the item, {c} the CPU, {n} the number, {ops}
# the engine's operations, {d} "_delayed" for delayed items. A call that adds or removes an instance is counted.
ADDS = {
    "queue": "tw_queue_on({c}, {w}, {it})",
    "queue_node": "{ops}->queue_node(numa_node_id(), {wq}, {it})",
    "queue_delayed": "{ops}->queue_delayed_on({c}, {wq}, {it}, {n})",
    "queue_rcu": "{ops}->queue_rcu({wq}, {it})",
    "enable_and_queue": "{ops}->enable_and_queue({wq}, {it})",
    "mod_delayed": "!{ops}->mod_delayed_on({c}, {wq}, {it}, {n})",
}
TAKES = {name: f"{{ops}}->{name.replace('_sync', '')}{{d}}{'_sync' if name.endswith('_sync') else ''}({{it}})"
         for name in ("cancel", "cancel_sync", "disable", "disable_sync")}
OTHERS = {
    "enable": "{ops}->enable{d}({it});",
    "flush": "{ops}->flush{f}({it});",
    "flush_wq": "tw_flush_wq({w});",
    "drain": "{ops}->drain({wq});",
    "recreate": "tw_destroy({w});\n{w} = tw_alloc(f->e, {flags}, {max});",
    "max_active": "{ops}->set_max_active({wq}, {n});",
    "attrs": "fuzz_attrs(f, {w}, {n});",
    "cpumask": "fuzz_cpumask(f, {n});",
    "freeze": "tw_thaw_at_end(f->e->test);\ncmwq2_freeze_workqueues_begin();",
    "thaw": "cmwq2_thaw_workqueues();",
    "creation": "tw_fault_create({w}, {c0}, {n} % CMWQ2_CREATE_NR);",
    "busy": "{ops}->busy({it});",
    "congested": "{ops}->congested({c}, {wq});",
    "cpu_down": "remove_cpu(num_possible_cpus() - 1);",
    "cpu_up": "add_cpu(num_possible_cpus() - 1);",
    "wait": "tw_wait_for_test(f->gate[{n}]);",
    "open": "complete_all(f->gate[{n}]);",
    "await": "tw_wait_started({it}, \"i{i}\");",
    "spin": "fuzz_spin({n});",
    "sleep": "usleep_range({n}, {n} + 10);",
    "timer": "hrtimer_start(&f->timer[0], us_to_ktime({n}), HRTIMER_MODE_REL_SOFT);",
    "timer_hard": "hrtimer_start(&f->timer[1], us_to_ktime({n}), HRTIMER_MODE_REL_HARD);",
    "crowd": "for (n = 0; n < {n}; n++)\n\ttw_queue_on({c}, {w}, tw_gated(f->e, f->gate[0]));",
    "starve": "tw_fault_create({w}, {c0}, CMWQ2_CREATE_STALLS);\n"
              "for (n = tw_stats({w}, {c0}).nr_workers; n > 0; n--)\n"
              "\ttw_queue_on({c0}, {w}, tw_gated(f->e, f->gate[0]));",
}
# The function of an item makes its operations so often, as FZ_RUNS in kunit/fuzz/fuzz.h says.
RUNS = 3
# How often a case makes the calls, for each run that the fuzzer needed, and at most.
ROUNDS, MOST_ROUNDS = 20, 200


@dataclass(frozen=True)
class Op:
    """An operation of a program, in parts."""

    ctx: str
    name: str
    q: int = 0
    i: int = 0
    n: int = 0
    c: int = -1


def op_of(text: str) -> Op:
    """Return the operation that @text describes."""
    ctx, name, *rest = text.split()
    return Op(ctx, name, **{word[0]: int(word[1:]) for word in rest})


def policies() -> list:
    """Return the names and values that the operation "policy" chooses from, which the module has a table of."""
    return re.findall(r'\{ "(\w+)", "([\w.-]+)" \}', (ROOT / "kunit/fuzz/calls.c").read_text())


def _flags(words: Sequence[str]) -> str:
    return " | ".join(FLAGS[word] for word in words if word in FLAGS)


def _limit(words: Sequence[str]) -> str:
    return next((word[3:] for word in words if word.startswith("max")), "0")


class Case:
    """The C code of one program."""

    def __init__(self, program: Program, verdict: str) -> None:
        self.program, self.verdict = program, verdict
        self.ops = [op_of(each) for each in program.ops]
        self.kinds = [words.split()[-1] for words in program.items]
        self.queues = [words.split() for words in program.queues]

    def statement(self, op: Op) -> list:
        """Return the lines of C for one operation."""
        delayed = bool(self.kinds) and self.kinds[min(op.i, len(self.kinds) - 1)] == "delayed"
        rcu = bool(self.kinds) and self.kinds[min(op.i, len(self.kinds) - 1)] == "rcu"
        queue = self.queues[op.q]
        words = {"w": f"f->w[{op.q}]", "wq": f"f->w[{op.q}]->wq", "it": f"f->it[{op.i}]", "i": op.i, "n": op.n,
                 "c": "TW_ANY_CPU" if op.c < 0 else f"tw_cpu({op.c})", "c0": f"tw_cpu({max(0, op.c)})",
                 "ops": "f->e->ops", "d": "_delayed" if delayed else "",
                 "f": "_delayed" if delayed else "_rcu" if rcu else "", "flags": _flags(queue), "max": _limit(queue)}
        if op.name == "policy":
            name, value = policies()[op.n]
            return [f'tw_policy(f->e, "{name}", "{value}");']
        if op.name in ADDS:
            return [f"atomic_add({ADDS[op.name].format(**words)}, &f->due[{op.i}]);"]
        if op.name in TAKES:
            lines = [f"atomic_sub({TAKES[op.name].format(**words)}, &f->due[{op.i}]);"]
        else:
            lines = OTHERS[op.name].format(**words).split("\n")
        return [*lines, *self.check_after(op)]

    def check_after(self, op: Op) -> list:
        """Return the lines that check what must be true after @op, if that is the rule that was broken."""
        if "early:" not in self.verdict or f" {op.name} of " not in self.verdict:
            return []
        item = re.search(r"before i(\d+) was done", self.verdict)
        at = int(item[1]) if item else op.i
        if at >= len(self.kinds):
            return []
        return [f"KUNIT_EXPECT_FALSE(f->e->test, atomic_read(&f->it[{at}]->inside));",
                f"KUNIT_EXPECT_FALSE(f->e->test, tw_pending(f->it[{at}]));"]

    def context(self, ctx: str) -> list:
        """Return the body of a context."""
        return [line for op in self.ops if op.ctx == ctx for line in self.statement(op)]

    def functions(self) -> list:
        """Return the functions of items, threads and timers."""
        lines: list = []
        for number in range(len(self.kinds)):
            body = self.context(f"i{number}")
            if body:
                lines += _function(f"static void fuzz_i{number}(struct tw_item *it)",
                                   _body("it->ctx", [f"if (atomic_read(&it->runs) > {RUNS})", "\treturn;", *body]))
        for ctx in self.threads():
            lines += _function(f"static void fuzz_{ctx}(struct tw_thread *t)",
                               _body("t->ctx", self.context(ctx)))
        for number, ctx in self.timers():
            lines += _function(f"static enum hrtimer_restart fuzz_{ctx}(struct hrtimer *timer)",
                               _body(f"container_of(timer, struct fuzz, timer[{number}])",
                                     [*self.context(ctx), "return HRTIMER_NORESTART;"]))
        return lines

    def threads(self) -> list:
        """Return the threads that do something."""
        return [ctx for ctx in ("t0", "t1", "t2") if any(op.ctx == ctx for op in self.ops)]

    def timers(self) -> list:
        """Return the timers that are started, with their numbers."""
        started = {op.name for op in self.ops}
        return [(at, ctx) for at, (ctx, name) in enumerate((("soft", "timer"), ("hard", "timer_hard")))
                if name in started]

    def set_up(self) -> list:
        """Return the lines that make queues, items, gates, timers and threads."""
        lines = [f"f->w[{at}] = tw_alloc(f->e, {_flags(words)}, {_limit(words)});"
                 for at, words in enumerate(self.queues)]
        for at, kind in enumerate(self.kinds):
            if kind == "bh":
                lines.append("f->e->bh = true;")
            function = f"fuzz_i{at}" if self.context(f"i{at}") else "tw_fn_nop"
            lines += [f"f->it[{at}] = {MAKERS[kind]}(f->e, {function});", f"f->it[{at}]->ctx = f;"]
            if kind == "bh":
                lines.append("f->e->bh = false;")
        lines += [f"f->gate[{gate}] = tw_gate(f->e);" for gate in range(2)]
        for number, ctx in self.timers():
            mode = "HARD" if ctx == "hard" else "SOFT"
            lines.append(f"hrtimer_setup(&f->timer[{number}], fuzz_{ctx}, CLOCK_MONOTONIC, HRTIMER_MODE_REL_{mode});")
        lines += [f"t[{at}] = tw_thread(f->e, tw_cpu({ctx[1]}), fuzz_{ctx}, NULL, NULL, f);"
                  for at, ctx in enumerate(self.threads())]
        return lines

    def start(self) -> list:
        """Return the lines that run the threads, and check what a stuck engine does not do before gates open."""
        threads = range(len(self.threads()))
        lines = [f"tw_thread_start(t[{at}]);" for at in threads]
        stuck = re.search(r"stuck: i(\d+) on", self.verdict)
        if stuck and int(stuck[1]) < len(self.kinds):
            # Threads may wait for what does not happen.
            lines.append(f'TW_POLL(f->e, atomic_read(&f->due[{stuck[1]}]) && !tw_pending(f->it[{stuck[1]}]), '
                         f'"i{stuck[1]} to start");')
        starved = next((op for op in self.ops if op.name == "starve"), None)
        if starved:
            # The pool gets workers again before the gates open, as in the fuzzer.
            lines += [f"TW_POLL(f->e, fuzz_rests(t, {len(threads)}), \"the threads to wait\");",
                      'cmwq2_fault_create_set("off");',
                      f"TW_POLL(f->e, tw_stats(f->w[{starved.q}], tw_cpu({max(0, starved.c)})).nr_idle, "
                      '"a worker for further items");']
        for gate in (1, 0):
            lines += [f"TW_POLL(f->e, fuzz_rests(t, {len(threads)}), \"the threads to wait\");",
                      f"complete_all(f->gate[{gate}]);"]
        lines += [f'tw_join(t[{at}], "{ctx}");' for at, ctx in enumerate(self.threads())]
        lines += [f"hrtimer_cancel(&f->timer[{number}]);" for number, _ in self.timers()]
        return lines

    def end(self) -> list:
        """Return the lines that check what must be true in the end."""
        lines = [f"TW_POLL(f->e, !tw_pending(f->it[{at}]) && !atomic_read(&f->it[{at}]->inside), \"i{at} to end\");"
                 for at in range(len(self.kinds))]
        lines += [f"KUNIT_EXPECT_EQ(test, atomic_read(&f->it[{at}]->runs), atomic_read(&f->due[{at}]));"
                  for at in range(len(self.kinds))]
        again = re.search(r"reentered: i(\d+)", self.verdict)
        if again:
            lines.append(f"KUNIT_EXPECT_TRUE(test, tw_item_never_overlapped(f->it[{again[1]}]));")
        moved = re.search(r"cpu: i(\d+) ran at \d+ on CPU \d+ instead of (\d+)", self.verdict)
        if moved:
            lines.append(f"KUNIT_EXPECT_EQ(test, f->it[{moved[1]}]->cpu, {moved[2]});")
        return lines


def _body(source: str, body: list) -> list:
    """Return the statements @body with the declarations that they need; @source is what the program is found in."""
    used = any("f->" in line or "(f," in line for line in body)
    declared = [f"struct fuzz *f = {source};"] * used + ["int n;"] * any(line.startswith("for (n") for line in body)
    return [*declared, *([""] if declared else []), *body]


def _function(head: str, body: list) -> list:
    return [head, "{", *(f"\t{line}" if line else "" for line in body), "}", ""]


# The headers that the code needs, beside what a suite includes.
HEADERS = {"_cpu(num": "linux/cpu.h", "usleep_range": "linux/delay.h", "ktime": "linux/ktime.h", "numa_node_id":
           "linux/topology.h"}
HELPERS = {
    "fuzz_spin": """static void fuzz_spin(int us)
{
	u64 end = ktime_get_ns() + (u64)us * NSEC_PER_USEC;

	while (ktime_get_ns() < end)
		cpu_relax();
}
""",
    "fuzz_rests": """/* Whether all threads have ended, or have slept for a while. */
static bool fuzz_rests(struct tw_thread **t, int nr)
{
	int i, looks;
	bool asleep;

	for (looks = 0; looks < 10; looks++) {
		for (i = 0; i < nr; i++) {
			asleep = READ_ONCE(t[i]->task->__state) & TASK_UNINTERRUPTIBLE;
			if (!asleep && !completion_done(&t[i]->done))
				return false;
		}
		usleep_range(500, 1000);
	}
	return true;
}
""",
    "fuzz_attrs": """static void fuzz_attrs(struct fuzz *f, struct tw_wq *w, int n)
{
	struct cmwq2_attrs *attrs = tw_attrs(f->e->test);

	cpumask_copy(attrs->cpumask, n < 2 ? cpumask_of(tw_cpu(n)) : cpu_possible_mask);
	attrs->nice = n == 3 ? -5 : 0;
	attrs->affn_scope = n == 4 ? CMWQ2_AFFN_SYSTEM : n > 4 ? CMWQ2_AFFN_CPU : CMWQ2_AFFN_DFL;
	attrs->affn_strict = n == 6;
	KUNIT_EXPECT_EQ(f->e->test, cmwq2_apply_workqueue_attrs(w->wq, attrs), 0);
}
""",
    "fuzz_cpumask": """static void fuzz_cpumask(struct fuzz *f, int n)
{
	cmwq2_set_unbound_cpumask(n < 2 ? cpumask_of(tw_cpu(n)) : cpu_possible_mask);
}
""",
}
STRUCT = """struct fuzz {
	struct tw_env		*e;
	struct tw_wq		*w[3];
	struct tw_item		*it[6];
	struct completion	*gate[2];
	struct hrtimer		timer[2];
	atomic_t		due[6];	/* accepted and not cancelled */
};
"""


def case(program: Program, verdict: str, origin: str, runs: int = 1) -> str:
    """Return the KUnit case for @program, which broke the rule that @verdict names within @runs runs. @origin is its
    seed or its name."""
    made = Case(program, verdict)
    functions = "\n".join(made.functions())
    once = _function("static void fuzz_once(struct tw_env *e)", [
        "struct fuzz *f = tw_zalloc(e, sizeof(*f));", f"struct tw_thread *t[{max(1, len(made.threads()))}];",
        "struct kunit *test = e->test;", "",
        "f->e = e;", *made.set_up(), "", *made.start(), "", *made.end(), "",
        *(f"tw_destroy(f->w[{at}]);" for at in range(len(made.queues)))])
    main = _function("static void fuzz_found(struct kunit *test)", [
        "struct tw_env *e = " + ("tw_env(test);" if verdict.startswith("native") else "tw_env_cmwq2(test);"),
        "int round;", "", f"for (round = 0; round < {min(MOST_ROUNDS, ROUNDS * runs)}; round++)", "\tfuzz_once(e);"])
    text = "\n".join([functions, *once, *main])
    helpers = [helper for name, helper in HELPERS.items() if f"{name}(" in text]
    headers = [header for word, header in HEADERS.items() if word in "".join(helpers) + text]
    includes = [f"#include <{header}>" for header in sorted(["linux/hrtimer.h", *headers])]
    return "\n".join([*includes, "", '#include "check.h"', "",
                      "/*", f" * Found by make fuzz, {origin}: {verdict}", " */", STRUCT, *helpers, text,
                      "/* In the list of cases: KUNIT_CASE(fuzz_found), */", ""])
