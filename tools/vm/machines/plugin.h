/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the plugins of QEMU share: the part of version 3 of QEMU's plugin interface
 * that they use, and their arguments. QEMU has had that version since 9.0. Debian lacks
 * its header.
 */
#ifndef CMWQ2_PLUGIN_H
#define CMWQ2_PLUGIN_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLUGIN_API	__attribute__((visibility("default")))
#define NO_REGISTERS	0
#define READS_REGISTERS	1
#define READS_OR_WRITES	3
#define WRITES		2
#define ADD_U64		0

typedef uint64_t plugin_id;
typedef uint32_t mem_info;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_scoreboard;
struct qemu_plugin_hwaddr;

/* A counter that each CPU of the guest has. */
struct per_cpu_count {
	struct qemu_plugin_scoreboard	*score;
	size_t				offset;
};

/* The part of GLib's arrays that is used. A register of the guest is a number there. */
struct array {
	void		*data;
	unsigned int	len;
};

struct register_descriptor {
	void		*handle;
	const char	*name;
	const char	*feature;
};

struct array *g_byte_array_new(void);
struct array *g_byte_array_set_size(struct array *array, unsigned int len);

typedef void (*on_exec)(unsigned int cpu, void *data);
typedef void (*on_access)(unsigned int cpu, mem_info info, uint64_t vaddr, void *data);

struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t element_size);
uint64_t qemu_plugin_u64_get(struct per_cpu_count count, unsigned int cpu);
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id,
					   void (*cb)(plugin_id id, struct qemu_plugin_tb *tb));
void qemu_plugin_reset(plugin_id id, void (*cb)(plugin_id id));
void qemu_plugin_register_vcpu_init_cb(plugin_id id, void (*cb)(plugin_id id, unsigned int cpu));
struct array *qemu_plugin_get_registers(void);
int qemu_plugin_read_register(void *handle, struct array *to);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, on_exec cb, int flags,
					  void *data);
void qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(struct qemu_plugin_tb *tb, int op,
						       struct per_cpu_count count, uint64_t value);
void qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(struct qemu_plugin_insn *insn, int op,
							 struct per_cpu_count count,
							 uint64_t value);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn, on_access cb, int flags,
				      int rw, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *to, size_t len);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
unsigned int qemu_plugin_mem_size_shift(mem_info info);
bool qemu_plugin_mem_is_store(mem_info info);
struct qemu_plugin_hwaddr *qemu_plugin_get_hwaddr(mem_info info, uint64_t vaddr);
bool qemu_plugin_hwaddr_is_io(const struct qemu_plugin_hwaddr *place);
uint64_t qemu_plugin_hwaddr_phys_addr(const struct qemu_plugin_hwaddr *place);

PLUGIN_API int qemu_plugin_version = 3;
PLUGIN_API int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv);

#define MAX_FUNCTIONS	32
#define MAX_CPUS	16

/*
 * The CPU that executes the guest's code in this thread. QEMU passes a CPU to each
 * callback, too. But while all CPUs share a thread, this is the one for which a block was
 * translated first, and not always the one that executes it. A plugin for several CPUs
 * has to set this variable before it uses it.
 */
static __thread unsigned int here;

/* The functions that an argument names, which may be repeated. */
struct functions {
	uint64_t	at[MAX_FUNCTIONS];
	unsigned int	nr;
};

/* Where an argument with a number in hexadecimal goes. Either is NULL. */
struct argument {
	const char		*name;
	struct functions	*list;
	uint64_t		*number;
};

static inline bool listed(const struct functions *functions, uint64_t at)
{
	unsigned int i;

	for (i = 0; i < functions->nr; i++)
		if (functions->at[i] == at)
			return true;
	return false;
}

/* Return the value of an argument NAME=VALUE, or NULL if it has another name. */
static inline const char *value_of(const char *text, const char *name)
{
	size_t len = strlen(name);

	return strncmp(text, name, len) || text[len] != '=' ? NULL : text + len + 1;
}

/* Open the file that an argument names. Return whether it is open. */
static inline bool open_for(FILE **file, const char *path)
{
	*file = fopen(path, "w");
	return *file;
}

/* Store a number that one of @nr @arguments takes. Return whether one of them does. */
static inline bool number_for(const struct argument *arguments, size_t nr, const char *text)
{
	const char *value;
	uint64_t number;
	char *end;
	size_t i;

	for (i = 0; i < nr; i++) {
		const struct argument *each = &arguments[i];

		value = value_of(text, each->name);
		if (!value)
			continue;
		number = strtoull(value, &end, 16);
		if (end == value || *end)
			return false;
		if (each->number)
			*each->number = number;
		else if (each->list->nr < MAX_FUNCTIONS)
			each->list->at[each->list->nr++] = number;
		else
			return false;
		return true;
	}
	return false;
}

#endif /* CMWQ2_PLUGIN_H */
