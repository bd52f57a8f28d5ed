/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How the plugins see that the code of a workqueue takes or drops a spinlock. No code in
 * the guest takes part, so the kernel's workqueue and modules are seen alike.
 */
#ifndef CMWQ2_PLUGIN_LOCKS_H
#define CMWQ2_PLUGIN_LOCKS_H

#include "plugin.h"

#define MODULES_FROM	0xffffffffa0000000ULL
#define MODULES_TO	0xffffffffff000000ULL

enum place { ELSEWHERE, KERNEL, MODULE, NR_PLACES };

/*
 * Their arguments, with addresses in hexadecimal:
 *   lock=A   a function that takes a spinlock with "lock cmpxchg"; repeatable
 *   unlock=A a function that drops it with "movb $0,(%rdi)"; repeatable
 *   from=A, to=B  the address range of the kernel's workqueue code; that of modules
 *            is fixed
 */
static struct functions locks, unlocks;
static uint64_t wq_from, wq_to;
static enum place last[MAX_CPUS], caller[MAX_CPUS];

static inline bool lock_argument(const char *text)
{
	static const struct argument numbers[] = {
		{ "lock", &locks, NULL }, { "unlock", &unlocks, NULL },
		{ "from", NULL, &wq_from }, { "to", NULL, &wq_to },
	};

	return number_for(numbers, sizeof(numbers) / sizeof(*numbers), text);
}

static inline enum place place_of(uint64_t at)
{
	if (at >= wq_from && at < wq_to)
		return KERNEL;
	return at >= MODULES_FROM && at < MODULES_TO ? MODULE : ELSEWHERE;
}

static inline void went_through(unsigned int cpu, void *data)
{
	last[here] = (enum place)(uintptr_t)data;
}

/* A call ends a block, so the block executed before this one is the caller's. */
static inline void is_locking(unsigned int cpu, void *data)
{
	caller[here] = last[here];
	last[here] = ELSEWHERE;
}

/* Return who is taking a lock, and forget it. */
static inline enum place who_locks(void)
{
	enum place who = caller[here];

	caller[here] = ELSEWHERE;
	return who;
}

/* Watch an instruction if it begins with @bytes. */
static inline void watch(struct qemu_plugin_insn *insn, const char *bytes, size_t nr, on_access cb)
{
	char found[16];

	if (qemu_plugin_insn_data(insn, found, nr) == nr && !memcmp(found, bytes, nr))
		qemu_plugin_register_vcpu_mem_cb(insn, cb, NO_REGISTERS, WRITES, NULL);
}

/* Watch a block in which a lock may be taken or dropped. */
static inline void watch_locks(struct qemu_plugin_tb *tb, on_access locked, on_access unlocked)
{
	uint64_t at = qemu_plugin_tb_vaddr(tb);
	bool lock = listed(&locks, at), unlock = listed(&unlocks, at);
	size_t i;

	for (i = 0; (lock || unlock) && i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		if (lock)
			watch(insn, "\xf0\x0f\xb1", 3, locked);
		if (unlock)
			watch(insn, "\xc6\x07\x00", 3, unlocked);
	}
	if (lock)
		qemu_plugin_register_vcpu_tb_exec_cb(tb, is_locking, NO_REGISTERS, NULL);
	else
		qemu_plugin_register_vcpu_tb_exec_cb(tb, went_through, NO_REGISTERS,
						     (void *)(uintptr_t)place_of(at));
}

#endif /* CMWQ2_PLUGIN_LOCKS_H */
