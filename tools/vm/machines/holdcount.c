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
 *   blocks=F a file for the instructions executed since the last mark, in
 *            lines of "ADDRESS INSTRUCTIONS", with a line "mark" at the end;
 *            ADDRESS is where a block of instructions begins; optional
 *
 * A line has "OWNER TIMES INSTRUCTIONS" for both owners, kernel and module.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * The part of version 3 of QEMU's plugin interface that is used here. QEMU has had
 * it since 9.0. Debian lacks its header.
 */
#define PLUGIN_API	__attribute__((visibility("default")))
#define NO_REGISTERS	0
#define WRITES		2
#define ADD_U64		0

typedef uint64_t plugin_id;
typedef uint32_t mem_info;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_scoreboard;

/* A counter that each CPU of the guest has. */
struct per_cpu_count {
	struct qemu_plugin_scoreboard	*score;
	size_t				offset;
};

struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t element_size);
uint64_t qemu_plugin_u64_get(struct per_cpu_count count, unsigned int cpu);
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id,
					   void (*cb)(plugin_id id, struct qemu_plugin_tb *tb));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb,
					  void (*cb)(unsigned int cpu, void *data), int flags,
					  void *data);
void qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(struct qemu_plugin_tb *tb, int op,
						       struct per_cpu_count count, uint64_t value);
void qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(struct qemu_plugin_insn *insn, int op,
							 struct per_cpu_count count,
							 uint64_t value);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn,
				      void (*cb)(unsigned int cpu, mem_info info, uint64_t vaddr,
						 void *data),
				      int flags, int rw, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *to, size_t len);

PLUGIN_API int qemu_plugin_version = 3;

#define MODULES_FROM	0xffffffffa0000000ULL
#define MODULES_TO	0xffffffffff000000ULL
#define MAX_FUNCTIONS	32
#define MAX_HELD	16
#define MAX_BLOCKS	131072

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
static struct per_cpu_count executed;
static uint64_t wq_from, wq_to, times[NR_PLACES], instructions[NR_PLACES];
static struct held held[MAX_HELD];
static enum place last, caller;
static FILE *output, *blocks;

/* A hash table of blocks. The counter of a block has the block's place in the table. */
static struct {
	uint64_t	at;
	uint64_t	before;	/* the count at the last mark */
} block[MAX_BLOCKS];
static struct per_cpu_count block_counts;

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
	last = ELSEWHERE;
	fprintf(output, "kernel %" PRIu64 " %" PRIu64 " module %" PRIu64 " %" PRIu64 "\n",
		times[KERNEL], instructions[KERNEL], times[MODULE], instructions[MODULE]);
	fflush(output);
	if (blocks)
		write_blocks(cpu);
}

static void locked(unsigned int cpu, mem_info info, uint64_t lock, void *data)
{
	unsigned int i;

	if (caller == ELSEWHERE)
		return;
	for (i = 0; i < MAX_HELD; i++) {
		if (held[i].lock && held[i].lock != lock)
			continue;
		held[i] = (struct held){ lock, qemu_plugin_u64_get(executed, cpu), caller };
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
		instructions[held[i].owner] += qemu_plugin_u64_get(executed, cpu) - held[i].since;
		held[i].lock = 0;
	}
}

/* Watch an instruction that takes or drops the lock. It is recognized by its first bytes. */
static void watch(struct qemu_plugin_insn *insn, const char *bytes, size_t nr,
		  void (*cb)(unsigned int cpu, mem_info info, uint64_t vaddr, void *data))
{
	char found[16];

	if (qemu_plugin_insn_data(insn, found, nr) == nr && !memcmp(found, bytes, nr))
		qemu_plugin_register_vcpu_mem_cb(insn, cb, NO_REGISTERS, WRITES, NULL);
}

static void translated(plugin_id id, struct qemu_plugin_tb *tb)
{
	uint64_t at = qemu_plugin_tb_vaddr(tb);
	bool lock = listed(&locks, at), unlock = listed(&unlocks, at);
	size_t i;

	for (i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, ADD_U64, executed, 1);
		if (lock)
			watch(insn, "\xf0\x0f\xb1", 3, locked);
		if (unlock)
			watch(insn, "\xc6\x07\x00", 3, unlocked);
	}
	if (blocks)
		count_block(tb, at);
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
	if (len == 6 && !strncmp(text, "blocks", len)) {
		blocks = fopen(value, "w");
		return blocks;
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
	executed.score = qemu_plugin_scoreboard_new(sizeof(uint64_t));
	if (blocks)
		block_counts.score = qemu_plugin_scoreboard_new(sizeof(uint64_t[MAX_BLOCKS]));
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
