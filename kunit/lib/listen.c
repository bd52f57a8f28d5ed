// SPDX-License-Identifier: GPL-2.0
/*
 * Records what printk() prints, through its tracepoint "console", as the kernel's own
 * tests of its reports do. The log itself stays as it is. The tracepoint is looked up
 * by name, because Linux 6.1 does not export it.
 */
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/tracepoint.h>

#include "listen.h"

/* One buffer serves all tests, because only one test runs at a time. */
static struct {
	raw_spinlock_t	lock;	/* protects the rest */
	size_t		len;
	char		text[16384];
} heard = { .lock = __RAW_SPIN_LOCK_UNLOCKED(heard.lock) };

static struct tracepoint *console;
static bool listening;
/* What to call with the next line. Exchanged, because it is called once. */
static void (*then)(void *arg);
static void *then_arg;

/* Text that does not fit is dropped, so the test that looks for it fails. */
static void on_console(void *data, const char *text, size_t len)
{
	void (*fn)(void *arg);
	unsigned long flags;

	raw_spin_lock_irqsave(&heard.lock, flags);
	if (len && heard.len + len + 2 <= sizeof(heard.text)) {
		memcpy(heard.text + heard.len, text, len);
		heard.len += len;
		if (heard.text[heard.len - 1] != '\n')
			heard.text[heard.len++] = '\n';
		heard.text[heard.len] = '\0';
	}
	raw_spin_unlock_irqrestore(&heard.lock, flags);
	fn = xchg(&then, NULL);
	if (fn)
		fn(then_arg);
}

static void look_for_console(struct tracepoint *tp, void *unused)
{
	if (!strcmp(tp->name, "console"))
		console = tp;
}

static void stop(void *unused)
{
	tracepoint_probe_unregister(console, on_console, NULL);
	tracepoint_synchronize_unregister();
	listening = false;
	then = NULL;
}

/* Record until the end of the test. A second call drops what was recorded so far. */
void tw_listen(struct tw_env *env)
{
	raw_spin_lock_irq(&heard.lock);
	heard.len = 0;
	heard.text[0] = '\0';
	raw_spin_unlock_irq(&heard.lock);
	if (listening)
		return;
	if (!IS_ENABLED(CONFIG_TRACEPOINTS))
		kunit_skip(env->test, "without tracepoints the test cannot listen to the log");
	for_each_kernel_tracepoint(look_for_console, NULL);
	KUNIT_ASSERT_NOT_NULL(env->test, console);
	KUNIT_ASSERT_EQ(env->test, tracepoint_probe_register(console, on_console, NULL), 0);
	listening = true;
	KUNIT_ASSERT_EQ(env->test, kunit_add_action_or_reset(env->test, stop, NULL), 0);
}

/* As tw_listen(). While the next line is printed, @fn is called once, with interrupts off. */
void tw_listen_then(struct tw_env *env, void (*fn)(void *arg), void *arg)
{
	tw_listen(env);
	then_arg = arg;
	xchg(&then, fn);
}

/* Count how many times @text was printed. */
int tw_heard(const char *text)
{
	const char *at = heard.text;
	int times = 0;

	raw_spin_lock_irq(&heard.lock);
	while ((at = strstr(at, text))) {
		at += strlen(text);
		times++;
	}
	raw_spin_unlock_irq(&heard.lock);
	return times;
}

/* Whether a line was printed that consists of @line and nothing else. */
bool tw_heard_line(const char *line)
{
	const char *at = heard.text;
	size_t len = strlen(line);
	bool found = false;

	raw_spin_lock_irq(&heard.lock);
	for (; !found && (at = strstr(at, line)); at += len)
		found = (at == heard.text || at[-1] == '\n') && at[len] == '\n';
	raw_spin_unlock_irq(&heard.lock);
	return found;
}
