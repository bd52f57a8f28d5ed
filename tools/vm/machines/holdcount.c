// SPDX-License-Identifier: GPL-2.0
/*
 * A QEMU plugin that counts how many instructions a guest with one CPU executes
 * while it holds a spinlock. It counts locks taken by the kernel's workqueue and
 * locks taken by modules separately. No code in the guest takes part, so both are
 * counted alike and the counting adds no instructions.
 *
 * Arguments, with addresses in hexadecimal:
 *   lock=A, unlock=A, from=A, to=B: see locks.h
 *   mark=A   a function; each call to it writes the counts so far as a line;
 *            repeatable
 *   output=F the file that the lines are written to
 *   blocks=F a file for the instructions executed since the last mark, in
 *            lines of "ADDRESS INSTRUCTIONS", with a line "mark" at the end;
 *            ADDRESS is where a block of instructions begins; optional
 *
 * A line has "OWNER TIMES INSTRUCTIONS" for both owners, kernel and module.
 */
#include "locks.h"
#include "plugin.h"

#define MAX_HELD	16
#define MAX_BLOCKS	131072

struct held {
	uint64_t	lock;
	uint64_t	since;
	enum place	owner;
};

static struct functions marks;
static struct per_cpu_count executed;
static uint64_t times[NR_PLACES], instructions[NR_PLACES];
static struct held held[MAX_HELD];
static FILE *output, *blocks;

/* A hash table of blocks. The counter of a block has the block's place in the table. */
static struct {
	uint64_t	at;
	uint64_t	before;	/* the count at the last mark */
} block[MAX_BLOCKS];
static struct per_cpu_count block_counts;

static struct per_cpu_count counter_of(size_t place)
{
	return (struct per_cpu_count){ block_counts.score, place * sizeof(uint64_t) };
}

/* Count the instructions of a block. The last place stays free, so that the search ends. */
static void count_block(struct qemu_plugin_tb *tb, uint64_t at)
{
	size_t place = (at ^ at >> 17) % MAX_BLOCKS;
	static size_t used;

	while (block[place].at && block[place].at != at)
		place = (place + 1) % MAX_BLOCKS;
	if (!block[place].at && ++used == MAX_BLOCKS) {
		fprintf(stderr, "holdcount: more than %d blocks\n", MAX_BLOCKS - 1);
		abort();
	}
	block[place].at = at;
	qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, ADD_U64, counter_of(place),
							  qemu_plugin_tb_n_insns(tb));
}

static void write_blocks(unsigned int cpu)
{
	size_t i;

	for (i = 0; i < MAX_BLOCKS; i++) {
		uint64_t now = block[i].at ? qemu_plugin_u64_get(counter_of(i), cpu) : 0;

		if (now > block[i].before)
			fprintf(blocks, "%" PRIx64 " %" PRIu64 "\n", block[i].at,
				now - block[i].before);
		block[i].before = now;
	}
	fprintf(blocks, "mark\n");
	fflush(blocks);
}

static void marked(unsigned int cpu, void *data)
{
	fprintf(output, "kernel %" PRIu64 " %" PRIu64 " module %" PRIu64 " %" PRIu64 "\n",
		times[KERNEL], instructions[KERNEL], times[MODULE], instructions[MODULE]);
	fflush(output);
	if (blocks)
		write_blocks(cpu);
}

static void locked(unsigned int cpu, mem_info info, uint64_t lock, void *data)
{
	enum place owner = who_locks();
	unsigned int i;

	if (owner == ELSEWHERE)
		return;
	for (i = 0; i < MAX_HELD; i++) {
		if (held[i].lock && held[i].lock != lock)
			continue;
		held[i] = (struct held){ lock, qemu_plugin_u64_get(executed, cpu), owner };
		break;
	}
}

static void unlocked(unsigned int cpu, mem_info info, uint64_t lock, void *data)
{
	unsigned int i;

	for (i = 0; i < MAX_HELD; i++) {
		if (held[i].lock != lock)
			continue;
		times[held[i].owner]++;
		instructions[held[i].owner] += qemu_plugin_u64_get(executed, cpu) - held[i].since;
		held[i].lock = 0;
	}
}

static void translated(plugin_id id, struct qemu_plugin_tb *tb)
{
	uint64_t at = qemu_plugin_tb_vaddr(tb);
	size_t i;

	for (i = 0; i < qemu_plugin_tb_n_insns(tb); i++)
		qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(qemu_plugin_tb_get_insn(tb, i),
								    ADD_U64, executed, 1);
	watch_locks(tb, locked, unlocked);
	if (blocks)
		count_block(tb, at);
	if (listed(&marks, at))
		qemu_plugin_register_vcpu_tb_exec_cb(tb, marked, NO_REGISTERS, NULL);
}

static bool argument(const char *text)
{
	static const struct argument mark = { "mark", &marks, NULL };

	if (value_of(text, "output"))
		return open_for(&output, value_of(text, "output"));
	if (value_of(text, "blocks"))
		return open_for(&blocks, value_of(text, "blocks"));
	return lock_argument(text) || number_for(&mark, 1, text);
}

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
	executed.score = qemu_plugin_scoreboard_new(sizeof(uint64_t));
	if (blocks)
		block_counts.score = qemu_plugin_scoreboard_new(sizeof(uint64_t[MAX_BLOCKS]));
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
