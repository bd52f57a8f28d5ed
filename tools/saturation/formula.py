# SPDX-License-Identifier: GPL-2.0
"""The model: how many items per second pass through pools whose locks are servers.

Each of N producers has one item in flight, so N items go round. An item thinks, which is all that happens outside of
pool->lock, and then is served by the lock of its pool. While it has the lock it also needs the cache line of its NUMA
node's count of active items, which the locks of all pools share. So there are two layers of servers. In the lower one
the customers are the pools, and what they wait there makes the holds in the upper one longer.

A server with n customers, which each think for a time Z and are then served for a time S, is the machine repairman's.
Bard's and Schweitzer's approximation of mean value analysis (P. Schweitzer, 1979; M. Reiser and S. Lavenberg, JACM 27,
1980) says that an arriving customer finds the (n - 1)/n part of the average queue. With one server this is a quadratic
equation. Layers of servers are solved by iteration, as in the method of layers (J. Rolia and K. Sevcik, IEEE
Transactions on Software Engineering 21, 1995). All times are in ns."""

import math
from dataclasses import dataclass

# What an instruction takes on every machine: one in each cycle at 3 GHz. It is no parameter and is not fitted.
INSTRUCTION_NS = 1 / 3
# The iteration ends when nothing changes by more than this part of itself.
CLOSE = 1e-9
ROUNDS = 2000


@dataclass(frozen=True)
class Machine:
    """The two parameters of a machine, in ns: what the transfer of a cache line from one CPU to another takes, and what
    a wakeup takes in addition to its instructions."""

    transfer: float
    wakeup: float
    instruction: float = INSTRUCTION_NS


@dataclass(frozen=True)
class Item:
    """What an item costs under one policy, in one pool of a certain size. The counts are per item.

    :ivar instructions: all instructions
    :ivar lock: those with pool->lock held, without a wakeup
    :ivar wake: those of the wakeup of a worker
    :ivar enqueue: those of the call that enqueues, without a wakeup
    :ivar pool: transfers of lines of the pool and its items, with pool->lock held
    :ivar node: transfers of lines that all pools of a node share, with pool->lock held
    :ivar outside: transfers without pool->lock
    :ivar wakeups: wakeups of a worker; a worker that finds the next item at once needs none
    :ivar locked: whether workers are woken with pool->lock held
    """

    instructions: float
    lock: float
    wake: float
    enqueue: float
    pool: float
    node: float
    outside: float
    wakeups: float
    locked: bool


@dataclass(frozen=True)
class Prediction:
    """What the model says: items/s, the mean time of the call that enqueues, and how busy the pools' locks and the
    node's line are, from 0 to 1."""

    rate: float
    call_ns: float
    lock_busy: float
    line_busy: float


def server(customers: float, think: float, service: float) -> tuple[float, float]:
    """Return the throughput of a server, and how long a customer is there, waiting and served. @customers is at
    least 1, and need not be a whole number."""
    if not service:
        return customers / think, 0.0
    others = (customers - 1) / customers
    # throughput = customers / (think + there), there = service * (1 + others * throughput * there)
    half = (think - service - others * customers * service) / 2
    there = -half + math.sqrt(half * half + service * think)
    return customers / (think + there), there


def predict(item: Item, machine: Machine, producers: int, pools: int) -> Prediction:
    """Return what the model says of @producers that are divided among @pools."""
    if not 1 <= pools <= producers:
        raise ValueError(f"{pools} pools for {producers} producers")
    size, line = producers / pools, item.node * machine.transfer
    plain = item.lock * machine.instruction + item.pool * machine.transfer
    woken = item.wakeups * (item.wake * machine.instruction + machine.wakeup)
    # The producer is woken outside of the lock in any case.
    think = ((item.instructions - item.lock - item.wakeups * item.wake) * machine.instruction
             + item.outside * machine.transfer + machine.wakeup + (0 if item.locked else woken))
    at_line = line
    for _ in range(ROUNDS):
        hold = plain + at_line + (woken if item.locked else 0)
        rate, there = server(size, think, hold)
        # A pool is at the line once per item, and the rest of its time elsewhere.
        new = server(pools, max(1 / rate - at_line, CLOSE), line)[1]
        done = abs(new - at_line) <= CLOSE * at_line
        at_line = (at_line + new) / 2
        if done:
            break
    # The call waits for the lock once of the times that an item does: a worker that has run an item takes the next one
    # while it holds the lock, and takes it once more only if it was woken.
    visits = 2 + item.wakeups
    call = (there - hold + plain + at_line) / visits + item.enqueue * machine.instruction + woken
    return Prediction(rate * pools * 1e9, call, rate * hold, rate * pools * line)
