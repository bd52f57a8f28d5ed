# SPDX-License-Identifier: GPL-2.0
"""A script for drgn: prints what the helpers of tools/workqueue.py find in a kernel, as JSON. vmcore.py runs it on a
guest and on files with its memory, and compares it with what wq_dump.py says."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
import workqueue as helpers  # noqa: E402
from wq.names import wq_name  # noqa: E402


def main() -> None:
    """Print the findings. The helpers look at the program that drgn runs this script for."""
    from drgn.helpers.linux.cpumask import for_each_possible_cpu
    pools, cpus = list(helpers.for_each_pool()), list(for_each_possible_cpu())
    events = helpers.find_workqueue("events")
    delayed = list(helpers.for_each_delayed_work())
    known = {pool.value_() for pool in pools}
    print(json.dumps({
        "pools": [pool.id.value_() for pool in pools],
        "workers": {pool.id.value_(): sum(1 for _ in helpers.for_each_pool_worker(pool)) for pool in pools},
        "all workers": sum(1 for _ in helpers.for_each_worker()),
        "workqueues": [wq_name(wq) for wq in helpers.for_each_workqueue()],
        "delayed": len(delayed),
        "cpus": cpus,
        # Each of these has one answer that is right, see vmcore.EXPECTED.
        "pools of the CPUs": all(pool.cpu == cpu for cpu in cpus for pool in helpers.for_each_cpu_worker_pool(cpu)),
        "pwqs of events": all(helpers.workqueue_get_pwq(events, cpu).pool.cpu == cpu for cpu in cpus),
        "threads are workers": all(helpers.is_task_a_worker(worker.task) for worker in helpers.for_each_worker()
                                   if worker.task),
        "pools of items": {helpers.get_work_pool(item.work).value_() for item in delayed} <= {0, *known},
        "no such queue": helpers.find_workqueue("no such queue"),
    }))


if __name__ == "__main__":
    main()
