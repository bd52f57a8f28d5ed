#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of interfaces.py: which names of a header count. Run ``python3 tools/porting/test_interfaces.py``."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from porting import interfaces

HEADER = """#define LATER(work) \\
        never(struct work_struct *work);
/* int comment(struct work_struct *work); */
extern int first(struct x *, struct work_struct *);
struct y *second(struct workqueue_struct *wq,
                 bool (*func)(struct y *, void *), void *data);
bool rcu(struct rcu_work *rwork, work_func_t func) __must_check;
void third_queue(struct work_struct *work);
void fourth(struct delayed_work *dwork, unsigned long delay);
void handler(struct work_struct *work);
void pointer(void (*func)(struct z *z), struct z *z);
struct holder { struct work_struct work; int (*op)(struct z *z); };
static inline int defined(struct work_struct *work) { return 0; }
extern struct workqueue_struct *some_wq;
"""


class Names(unittest.TestCase):
    def test_declared(self):
        """Functions that take an item or a queue, and queues; but no function of items, macro, comment or member."""
        self.assertEqual(list(interfaces.declared(HEADER)),
                         ["first", "second", "rcu", "third_queue", "fourth", "some_wq"])


if __name__ == "__main__":
    unittest.main()
