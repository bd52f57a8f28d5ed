// SPDX-License-Identifier: GPL-2.0
/*
 * A QEMU plugin that counts the cache lines that move between the CPUs of a guest.
 *
 * It keeps for each 64-byte line of the guest's memory which CPUs have a copy, and
 * whether one of them has written to it (MESI, with caches that never get full). An
 * access that a CPU's own copy cannot serve moves the line, and is counted, unless no
 * other CPU is involved. Lines are told by their physical address, because the kernel
 * maps some memory twice. The report has the virtual address that the instruction
 * used, as debug information has those.
 *
 * Items are counted, too. A mark makes the plugin ready. It follows the lines from the
 * first item on, and counts after some more.
 *
 * Arguments, with all numbers in hexadecimal:
 *   mark=A     a function; each call to it makes the plugin ready; repeatable
 *   item=A     a function that is called once for each item; repeatable
 *   skip=N     how many items are queued before the counting begins
 *   take=N     the items during which it counts
 *   reports=N  how many times it counts; after that it watches no more
 *   lock=A, unlock=A, from=A, to=B: see locks.h
 *   wakes=A, remote=A, runs=A, function=A, sleeps=A, idle=A: see phases.h
 *   timer=A    the function that handles the interrupt of a CPU's timer
 *   return=A   the function that every interrupt ends with
 *   cpu=A      where the per-CPU memory of a CPU begins, which tells the CPUs apart;
 *              once for each CPU, in the order of their numbers
 *   memory=N   bytes of the guest's memory
 *   output=F   the file that the reports are written to
 *   hold=F     a named pipe. At each mark and after each report the plugin stops the
 *              guest and reads more arguments from there, one in a line.
 *
 * A report has these lines, and ends with "hold":
 *   ready
 * or
 *   counted ITEMS
 *   line CAUSE CPU LOSER TIMES
 *   at ADDRESS CODE CAUSE CPU CONTEXT PHASE TIMES ELSE
 *   begun ARGUMENT TIMES	(phases that functions of this argument began)
 *   end LINES
 * ELSE is how many of the TIMES a CPU had written to the line, but not to the bytes that
 * are accessed. So nothing that the access needs has changed: the line is shared falsely,
 * unless the same CPU then accesses other bytes of it.
 */
#include <pthread.h>
#include <sys/mman.h>

#include "locks.h"
#include "phases.h"
#include "plugin.h"

#define LINE_SHIFT	6
#define LINE_SIZE	64UL
#define MAX_RECORDS	131072U

/* A line: a bit for each CPU that has a copy, one for each that ever had one, and: */
#define HAD_SHIFT	16
#define COPIES		0xffffULL
#define WRITTEN		0x100000000ULL

enum state { OFF, READY, FOLLOWING, COUNTING, HELD };

/*
 * READ and REREAD differ in who serves the miss: the CPU that has written to the line,
 * or one that only has a copy, too. The others invalidate copies.
 */
enum cause { READ, REREAD, WRITE_SHARED, WRITE_OWNED, ATOMIC_SHARED, ATOMIC_OWNED, NR_CAUSES };
/* In a timer's interrupt, with a lock taken that a workqueue's code has taken, or neither. */
enum context { FREE, LOCKED, TIMER };

static const char * const causes[] = {
	"read", "reread", "write-shared", "write-owned", "atomic-shared", "atomic-owned",
};

static const char * const contexts[] = { "free", "locked", "timer" };

struct record {
	uint64_t	at;
	uint64_t	code;
	uint64_t	times, elsewhere;
	unsigned char	cause, cpu, context, phase;
};

static struct functions marks, cpus;
static uint64_t skip, take, reports, timer, timer_return, memory;
static plugin_id self;
static FILE *output;
static const char *hold_path;

static uint64_t *lines;
static uint64_t *written;	/* for each line, a bit for each byte that its owner has written */
static struct record records[MAX_RECORDS];
static uint64_t lost[NR_CAUSES][MAX_CPUS][MAX_CPUS + 1];	/* the last: nobody */
static bool in_timer[MAX_CPUS];
static uint64_t holds[MAX_CPUS];	/* the lock that the CPU holds, or waits for */
static enum state state;	/* written with the mutex held, see now() */
static uint64_t nr_items;

/*
 * The register with the address of the per-CPU memory, where this is in user space, and the
 * stack pointer.
 */
static void *gs_base, *kernel_gs_base, *stack_pointer;
static __thread uint64_t sp;	/* when the current block began */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t released = PTHREAD_COND_INITIALIZER;

static enum state now(void)
{
	return __atomic_load_n(&state, __ATOMIC_ACQUIRE);
}

static void become(enum state next)
{
	__atomic_store_n(&state, next, __ATOMIC_RELEASE);
}

static struct record *record_of(uint64_t at, uint64_t code, enum cause cause)
{
	enum context context = in_timer[here] ? TIMER : holds[here] ? LOCKED : FREE;
	enum phase phase = phase_now();
	uint64_t hash = (at ^ code * 31 ^ cause << 20 ^ here << 24 ^ context << 28 ^ phase << 16) *
			0x9e3779b97f4a7c15ULL;
	unsigned int place = hash >> 47, tried;

	for (tried = 0; tried < MAX_RECORDS; tried++, place = (place + 1) % MAX_RECORDS) {
		struct record *r = &records[place];

		if (!r->times)
			*r = (struct record){ at, code, 0, 0, cause, here, context, phase };
		if (r->at == at && r->code == code && r->cause == cause && r->cpu == here &&
		    r->context == context && r->phase == phase)
			return r;
	}
	fprintf(stderr, "linecount: more than %u places\n", MAX_RECORDS);
	abort();
}

static void count(uint64_t at, uint64_t code, enum cause cause, uint64_t losers, bool elsewhere)
{
	struct record *record;
	unsigned int loser;

	if (state != COUNTING)
		return;
	record = record_of(at, code, cause);
	record->times++;
	record->elsewhere += elsewhere;
	if (!losers)
		lost[cause][here][MAX_CPUS]++;
	for (loser = 0; loser < MAX_CPUS; loser++)
		if (losers >> loser & 1)
			lost[cause][here][loser]++;
}

/* An access: where, by which instruction, and a bit for each byte of the line. */
struct access {
	uint64_t	at, code, bytes;
	bool		write, atomic;
};

/* Move a line to this CPU, whose copy, if it has one, does not serve the access. */
static void move(uint64_t *line, uint64_t *bytes, const struct access *a)
{
	uint64_t me = 1ULL << here, others = *line & COPIES & ~me;
	bool owned = *line & WRITTEN, elsewhere = owned && !(*bytes & a->bytes);

	if (a->write && others)
		count(a->at, a->code, (a->atomic ? ATOMIC_SHARED : WRITE_SHARED) + owned, others,
		      elsewhere);
	else if (!a->write && others && owned)
		count(a->at, a->code, READ, others, elsewhere);
	else if (!a->write && others && *line >> HAD_SHIFT & me)
		count(a->at, a->code, REREAD, 0, !(*bytes & a->bytes));
	if (a->write) {
		*line = (*line & ~COPIES) | me | me << HAD_SHIFT | WRITTEN;
		*bytes = 0;
	} else {
		*line = (*line | me | me << HAD_SHIFT) & ~WRITTEN;
	}
}

static void access_line(uint64_t number, const struct access *a)
{
	uint64_t *line, is;

	if (number >= memory >> LINE_SHIFT)
		return;
	line = &lines[number];
	is = __atomic_load_n(line, __ATOMIC_RELAXED);
	if (!(is >> here & 1 && (!a->write || is & WRITTEN))) {
		pthread_mutex_lock(&lock);
		is = *line;
		if (!(is >> here & 1 && (!a->write || is & WRITTEN)))
			move(line, &written[number], a);
		pthread_mutex_unlock(&lock);
	}
	if (a->write)
		written[number] |= a->bytes;
}

static void wait_until_released(void)
{
	pthread_mutex_lock(&lock);
	while (state == HELD)
		pthread_cond_wait(&released, &lock);
	pthread_mutex_unlock(&lock);
}

/* Return a bit for each byte of a line from the @from th to before the @to th. */
static uint64_t bytes(unsigned int from, unsigned int to)
{
	return (~0ULL >> (LINE_SIZE - (to - from))) << from;
}

static void accessed(mem_info info, uint64_t vaddr, uint64_t code, bool atomic)
{
	struct access a = { vaddr, code, 0, atomic || qemu_plugin_mem_is_store(info), atomic };
	unsigned int from = vaddr % LINE_SIZE, to = from + (1U << qemu_plugin_mem_size_shift(info));
	struct qemu_plugin_hwaddr *place;
	uint64_t number;

	if (now() == HELD)
		wait_until_released();
	if (now() < FOLLOWING)
		return;
	place = qemu_plugin_get_hwaddr(info, vaddr);
	if (!place || qemu_plugin_hwaddr_is_io(place))
		return;
	number = qemu_plugin_hwaddr_phys_addr(place) >> LINE_SHIFT;
	a.bytes = bytes(from, to < LINE_SIZE ? to : LINE_SIZE);
	access_line(number, &a);
	/* The rest of an access may be in the next line. It is ignored in another page. */
	if (to <= LINE_SIZE || vaddr >> 12 != (vaddr + to - from - 1) >> 12)
		return;
	a.at = vaddr - from + LINE_SIZE;
	a.bytes = bytes(0, to - LINE_SIZE);
	access_line(number + 1, &a);
}

static void plain_access(unsigned int cpu, mem_info info, uint64_t vaddr, void *code)
{
	accessed(info, vaddr, (uintptr_t)code, false);
}

static void atomic_access(unsigned int cpu, mem_info info, uint64_t vaddr, void *code)
{
	accessed(info, vaddr, (uintptr_t)code, true);
}

static unsigned int report_lines(void)
{
	unsigned int cause, cpu, loser, i, nr = 0;

	for (cause = 0; cause < NR_CAUSES; cause++)
		for (cpu = 0; cpu < MAX_CPUS; cpu++)
			for (loser = 0; loser <= MAX_CPUS; loser++)
				if (lost[cause][cpu][loser] && ++nr)
					fprintf(output, "line %s %u %d %" PRIu64 "\n",
						causes[cause], cpu,
						loser == MAX_CPUS ? -1 : (int)loser,
						lost[cause][cpu][loser]);
	for (i = 0; i < MAX_RECORDS; i++) {
		const struct record *r = &records[i];

		if (r->times && ++nr)
			fprintf(output, "at %" PRIx64 " %" PRIx64 " %s %u %s %s %" PRIu64
				" %" PRIu64 "\n", r->at, r->code, causes[r->cause], r->cpu,
				contexts[r->context], phases[r->phase], r->times, r->elsewhere);
	}
	for (i = 0; i < NR_ENTRIES; i++)
		if (nr_begun[i] && ++nr)
			fprintf(output, "begun %s %" PRIu64 "\n", entry_names[i], nr_begun[i]);
	return nr;
}

static bool argument(const char *text)
{
	static const struct argument numbers[] = {
		{ "mark", &marks, NULL }, { "skip", NULL, &skip }, { "take", NULL, &take },
		{ "reports", NULL, &reports }, { "timer", NULL, &timer },
		{ "return", NULL, &timer_return }, { "memory", NULL, &memory },
		{ "cpu", &cpus, NULL },
	};

	if (value_of(text, "output"))
		return open_for(&output, value_of(text, "output"));
	if (!value_of(text, "hold"))
		return lock_argument(text) || phase_argument(text) ||
		       number_for(numbers, sizeof(numbers) / sizeof(*numbers), text);
	hold_path = strdup(value_of(text, "hold"));
	return hold_path;
}

/* Stop the guest, and read more arguments. Whoever opens the pipe lets it go on. */
static void stop_guest(enum state then)
{
	char text[128];
	FILE *pipe;

	fprintf(output, "hold\n");
	fflush(output);
	pipe = fopen(hold_path, "r");
	while (pipe && fgets(text, sizeof(text), pipe)) {
		text[strcspn(text, "\n")] = '\0';
		if (argument(text))
			continue;
		fprintf(stderr, "linecount: %s: not understood\n", text);
		abort();
	}
	if (pipe)
		fclose(pipe);
	pthread_mutex_lock(&lock);
	become(then);
	pthread_cond_broadcast(&released);
	pthread_mutex_unlock(&lock);
}

static void watch_all(plugin_id id);

static void watch_nothing(plugin_id id)
{
}

static void marked(unsigned int cpu, void *data)
{
	static bool watching;

	if (!watching)
		qemu_plugin_reset(self, watch_all);
	watching = true;
	pthread_mutex_lock(&lock);
	become(HELD);
	nr_items = 0;
	memset(records, 0, sizeof(records));
	memset(lost, 0, sizeof(lost));
	memset(holds, 0, sizeof(holds));
	memset(in_timer, 0, sizeof(in_timer));
	forget_stacks();
	madvise(lines, (memory >> LINE_SHIFT) * sizeof(*lines), MADV_DONTNEED);
	pthread_mutex_unlock(&lock);
	fprintf(output, "ready\n");
	stop_guest(READY);
}

static void item_queued(unsigned int cpu, void *data)
{
	bool done = false;

	pthread_mutex_lock(&lock);
	if (state == READY)
		become(FOLLOWING);
	if (state == FOLLOWING && nr_items++ == skip)
		become(COUNTING);
	else if (state == COUNTING && nr_items++ == skip + take)
		done = true;
	if (done)
		become(HELD);
	pthread_mutex_unlock(&lock);
	if (!done)
		return;
	fprintf(output, "counted %" PRIu64 "\n", take);
	fprintf(output, "end %u\n", report_lines());
	stop_guest(OFF);
	if (reports && !--reports)
		qemu_plugin_reset(self, watch_nothing);
}

static uint64_t value_in(void *handle)
{
	static __thread struct array *bytes;
	uint64_t value = 0;

	if (!bytes)
		bytes = g_byte_array_new();
	g_byte_array_set_size(bytes, 0);
	if (qemu_plugin_read_register(handle, bytes) == sizeof(value))
		memcpy(&value, bytes->data, sizeof(value));
	return value;
}

/* Find out which CPU executes a block, and on which stack. */
static void is_executed(unsigned int cpu, void *data)
{
	static __thread uint64_t known;
	uint64_t base;
	unsigned int i;

	if (now() < FOLLOWING)
		return;
	sp = value_in(stack_pointer);
	if (!stack_is(sp))
		return;
	base = value_in(gs_base);
	if (!(base >> 63))
		base = value_in(kernel_gs_base);
	if (base == known)
		return;
	for (i = 0; i < cpus.nr; i++)
		if (cpus.at[i] == base)
			here = i;
	known = base;
}

static void cpu_exists(plugin_id id, unsigned int cpu)
{
	const struct array *all = qemu_plugin_get_registers();
	const struct register_descriptor *each = all->data;
	unsigned int i;

	for (i = 0; i < all->len; i++) {
		if (!strcmp(each[i].name, "gs_base"))
			gs_base = each[i].handle;
		if (!strcmp(each[i].name, "k_gs_base"))
			kernel_gs_base = each[i].handle;
		if (!strcmp(each[i].name, "rsp"))
			stack_pointer = each[i].handle;
	}
	if (gs_base && kernel_gs_base && stack_pointer)
		return;
	fprintf(stderr, "linecount: this guest has no registers gs_base and rsp\n");
	abort();
}

static void function_entered(unsigned int cpu, void *data)
{
	if (now() >= FOLLOWING)
		enter((enum entry)(uintptr_t)data, sp, now() == COUNTING);
}

static void timer_came(unsigned int cpu, void *data)
{
	in_timer[here] = true;
}

static void timer_done(unsigned int cpu, void *data)
{
	in_timer[here] = false;
}

static void locked(unsigned int cpu, mem_info info, uint64_t at, void *data)
{
	if (who_locks() != ELSEWHERE)
		holds[here] = at;
}

static void unlocked(unsigned int cpu, mem_info info, uint64_t at, void *data)
{
	if (holds[here] == at)
		holds[here] = 0;
}

/* Whether an instruction is atomic: it has the prefix lock, or it is xchg. */
static bool is_atomic(struct qemu_plugin_insn *insn)
{
	static const char prefixes[] = "\x26\x2e\x36\x3e\x64\x65\x66\x67\xf2\xf3";
	unsigned char bytes[16];
	size_t len = qemu_plugin_insn_data(insn, bytes, sizeof(bytes)), i = 0;

	while (i < len && bytes[i] && strchr(prefixes, bytes[i]))
		i++;
	if (i < len && bytes[i] == 0xf0)
		return true;
	if (i < len && (bytes[i] & 0xf0) == 0x40)
		i++;
	return i < len && (bytes[i] & 0xfe) == 0x86;
}

static void translated(plugin_id id, struct qemu_plugin_tb *tb)
{
	uint64_t at = qemu_plugin_tb_vaddr(tb);
	size_t i, nr = qemu_plugin_tb_n_insns(tb);
	enum entry entry = entry_at(at);

	/* Before all others, which use what it finds out. */
	qemu_plugin_register_vcpu_tb_exec_cb(tb, is_executed, READS_REGISTERS, NULL);
	if (listed(&marks, at))
		qemu_plugin_register_vcpu_tb_exec_cb(tb, marked, NO_REGISTERS, NULL);
	else if (entry == QUEUES)
		qemu_plugin_register_vcpu_tb_exec_cb(tb, item_queued, NO_REGISTERS, NULL);
	else if (at == timer)
		qemu_plugin_register_vcpu_tb_exec_cb(tb, timer_came, NO_REGISTERS, NULL);
	else if (at == timer_return)
		qemu_plugin_register_vcpu_tb_exec_cb(tb, timer_done, NO_REGISTERS, NULL);
	if (entry < NR_ENTRIES)
		qemu_plugin_register_vcpu_tb_exec_cb(tb, function_entered, NO_REGISTERS,
						     (void *)(uintptr_t)entry);
	/* Before the accesses, so that the access that takes a lock counts as one with it. */
	watch_locks(tb, locked, unlocked);
	for (i = 0; i < nr; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		qemu_plugin_register_vcpu_mem_cb(insn, is_atomic(insn) ? atomic_access :
						 plain_access, NO_REGISTERS, READS_OR_WRITES,
						 (void *)(uintptr_t)qemu_plugin_insn_vaddr(insn));
	}
}

/* Watch only for the first mark. Until then, the guest runs at nearly its full speed. */
static void translated_first(plugin_id id, struct qemu_plugin_tb *tb)
{
	if (listed(&marks, qemu_plugin_tb_vaddr(tb)))
		qemu_plugin_register_vcpu_tb_exec_cb(tb, marked, NO_REGISTERS, NULL);
}

static void watch_all(plugin_id id)
{
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
}

/* Return an array with a zero for each line of the guest's memory, or NULL. */
static uint64_t *for_all_lines(void)
{
	void *array = mmap(NULL, (memory >> LINE_SHIFT) * sizeof(uint64_t), PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return array == MAP_FAILED ? NULL : array;
}

PLUGIN_API int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
	int i;

	for (i = 0; i < argc; i++) {
		if (argument(argv[i]))
			continue;
		fprintf(stderr, "linecount: %s: not understood\n", argv[i]);
		return -1;
	}
	if (!output || !hold_path || !marks.nr || !memory) {
		fprintf(stderr, "linecount: output= hold= mark= memory= are needed\n");
		return -1;
	}
	lines = for_all_lines();
	written = for_all_lines();
	if (!lines || !written) {
		perror("linecount");
		return -1;
	}
	qemu_plugin_register_vcpu_init_cb(id, cpu_exists);
	self = id;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated_first);
	return 0;
}
