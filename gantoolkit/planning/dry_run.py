"""`gantoolkit run CONFIG --dry-run`: parameters, memory and cache size; nothing is fetched.

All networks are built on the meta device (meta_models.py). One training iteration and one step
of the cache run there, while a tracker counts what is alive at the peak (peak_memory.py).
"""

from __future__ import annotations

import math
import os
from typing import Any

from gantoolkit.core.errors import UsageError
from gantoolkit.planning.plan import Plan, format_plan
from gantoolkit.planning.plan_bridge import plan_bridge
from gantoolkit.planning.plan_controlnet import plan_controlnet

PLANNERS = {"bridge": plan_bridge, "controlnet": plan_controlnet}  # by task


def main(config: dict[str, Any], processes: int | None = None) -> int:
    """Print the plan of a resolved config."""
    text = format_plan(plan(config, processes))
    if os.environ.get("RANK", "0") == "0":  # under torchrun once
        print(text)
    return 0


def plan(config: dict[str, Any], processes: int | None = None) -> Plan:
    """Plan a `bridge` or `controlnet` config.

    processes  default: as many as torchrun started, else 1
    """
    task = config["task"]
    if task not in PLANNERS:
        raise UsageError(
            f"--dry-run plans the tasks bridge and controlnet; '{task}' is small and just runs."
        )
    processes = processes or int(os.environ.get("WORLD_SIZE", 1))
    if processes < 1:
        raise UsageError(f"--processes {processes} makes no sense; give 1 or more.")

    schedule = config.get("schedule", {})
    shards = processes * schedule.get("accumulate", 1)
    batch = math.ceil(schedule.get("batch", 8) / shards)
    made = Plan(processes=processes, train_batch=batch)
    PLANNERS[task](config, made)
    return made
