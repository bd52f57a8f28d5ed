// SPDX-License-Identifier: GPL-2.0
/*
 * A QEMU plugin that counts how many instructions a guest with one CPU executes
 * while it holds a spinlock. It counts locks taken by the kernel's workqueue and
 * locks taken by modules separately. No code in the guest takes part, so both are
 * counted alike and the counting adds no instructions.
 *
 * Arguments, with addresses in hexadecimal:
 *   lock=A   a function that takes a spinlock with "lock cmpxchg"; repeatable
 *   unlock=A a function that drops it with "movb $0,(%rdi)"; repeatable
 *   from=A, to=B  the address range of the kernel's workqueue code; that of
 *            modules is fixed
 *   mark=A   a function; each call to it writes the counts so far as a line;
 *            repeatable
 *   output=F the file that the lines are written to
 *
 * A line has "OWNER TIMES INSTRUCTIONS" for both owners, kernel and module.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The part of version 1 of QEMU's plugin interface that is used here. Debian lacks its header. */
#define PLUGIN_API	__attribute__((visibility("default")))
#define NO_REGISTERS	0
#define WRITES		2
#define ADD_U64		0

typedef uint64_t plugin_id;
typedef uint32_t mem_info;
struct qemu_plugin_tb;
struct qemu_plugin_insn;

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id,
					   void (*cb)(plugin_id id, struct qemu_plugin_tb *tb));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb,
					  void (*cb)(unsigned int cpu, void *data), int flags,
					  void *data);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, int op, void *ptr,
						uint64_t value);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn,
				      void (*cb)(unsigned int cpu, mem_info info, uint64_t vaddr,
						 void *data),
				      int flags, int rw, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);

PLUGIN_API int qemu_plugin_version = 1;

#define MODULES_FROM	0xffffffffa0000000ULL
#define MODULES_TO	0xffffffffff000000ULL
#define MAX_FUNCTIONS	32
#define MAX_HELD	16

enum place { ELSEWHERE, KERNEL, MODULE, NR_PLACES };

struct functions {
	uint64_t	at[MAX_FUNCTIONS];
	unsigned int	nr;
};

struct held {
	uint64_t	lock;
	uint64_t	since;
	enum place	owner;
};

static struct functions locks, unlocks, marks;
static uint64_t wq_from, wq_to, executed, times[NR_PLACES], instructions[NR_PLACES];
static struct held held[MAX_HELD];
static enum place last, caller;
static FILE *output;

static bool listed(const struct functions *functions, uint64_t at)
{
	unsigned int i;

	for (i = 0; i < functions->nr; i++)
		if (functions->at[i] == at)
			return true;
	return false;
}

static enum place place_of(uint64_t at)
{
	if (at >= wq_from && at < wq_to)
		return KERNEL;
	return at >= MODULES_FROM && at < MODULES_TO ? MODULE : ELSEWHERE;
}

static void went_through(unsigned int cpu, void *data)
{
	last = (enum place)(uintptr_t)data;
}

/* A call ends a block, so the block executed before this one is the caller's. */
static void is_locking(unsigned int cpu, void *data)
{
	caller = last;
	last = ELSEWHERE;
}

static void marked(unsigned int cpu, void *data)
{
	last = ELSEWHERE;
	fprintf(output, "kernel %" PRIu64 " %" PRIu64 " module %" PRIu64 " %" PRIu64 "\n",
		times[KERNEL], instructions[KERNEL], times[MODULE], instructions[MODULE]);
	fflush(output);
}

static void locked(unsigned int cpu, mem_info info, uint64_t lock, void *data)
{
	unsigned int i;

	if (caller == ELSEWHERE)
		return;
	for (i = 0; i < MAX_HELD; i++) {
		if (held[i].lock && held[i].lock != lock)
			continue;
		held[i] = (struct held){ lock, executed, caller };
		break;
	}
	caller = ELSEWHERE;
}

static void unlocked(unsigned int cpu, mem_info info, uint64_t lock, void *data)
{
	unsigned int i;

	for (i = 0; i < MAX_HELD; i++) {
		if (held[i].lock != lock)
			continue;
		times[held[i].owner]++;
		instructions[held[i].owner] += executed - held[i].since;
		held[i].lock = 0;
	}
}

/* Watch an instruction that takes or drops the lock. It is recognized by its first bytes. */
static void watch(struct qemu_plugin_insn *insn, const char *bytes, size_t nr,
		  void (*cb)(unsigned int cpu, mem_info info, uint64_t vaddr, void *data))
{
	if (qemu_plugin_insn_size(insn) >= nr && !memcmp(qemu_plugin_insn_data(insn), bytes, nr))
		qemu_plugin_register_vcpu_mem_cb(insn, cb, NO_REGISTERS, WRITES, NULL);
}

static void translated(plugin_id id, struct qemu_plugin_tb *tb)
{
	uint64_t at = qemu_plugin_tb_vaddr(tb);
	bool lock = listed(&locks, at), unlock = listed(&unlocks, at);
	size_t i;

	for (i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		qemu_plugin_register_vcpu_insn_exec_inline(insn, ADD_U64, &executed, 1);
		if (lock)
			watch(insn, "\xf0\x0f\xb1", 3, locked);
		if (unlock)
			watch(insn, "\xc6\x07\x00", 3, unlocked);
	}
	if (lock)
		qemu_plugin_register_vcpu_tb_exec_cb(tb, is_locking, NO_REGISTERS, NULL);
	else if (listed(&marks, at))
		qemu_plugin_register_vcpu_tb_exec_cb(tb, marked, NO_REGISTERS, NULL);
	else
		qemu_plugin_register_vcpu_tb_exec_cb(tb, went_through, NO_REGISTERS,
						     (void *)(uintptr_t)place_of(at));
}

static bool argument(const char *text)
{
	const char *value = strchr(text, '=');
	struct functions *list = NULL;
	size_t len = value ? (size_t)(value - text) : 0;
	uint64_t at;

	if (!value)
		return false;
	at = strtoull(++value, NULL, 16);
	if (len == 6 && !strncmp(text, "output", len)) {
		output = fopen(value, "w");
		return output;
	}
	if (len == 4 && !strncmp(text, "from", len))
		wq_from = at;
	else if (len == 2 && !strncmp(text, "to", len))
		wq_to = at;
	else if (len == 4 && !strncmp(text, "lock", len))
		list = &locks;
	else if (len == 6 && !strncmp(text, "unlock", len))
		list = &unlocks;
	else if (len == 4 && !strncmp(text, "mark", len))
		list = &marks;
	else
		return false;
	if (list && list->nr == MAX_FUNCTIONS)
		return false;
	if (list)
		list->at[list->nr++] = at;
	return at;
}

PLUGIN_API int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv);

PLUGIN_API int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
	int i;

	for (i = 0; i < argc; i++) {
		if (argument(argv[i]))
			continue;
		fprintf(stderr, "holdcount: %s: not understood\n", argv[i]);
		return -1;
	}
	if (!output || !locks.nr || !unlocks.nr || !marks.nr || !wq_to) {
		fprintf(stderr, "holdcount: lock= unlock= from= to= mark= output= are needed\n");
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
