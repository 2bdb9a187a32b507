"""Checkpoints: trainable parameters, buffers, moving averages and optimizer state, without pickle.

Tensors are safetensors, the rest is JSON. Frozen networks are never written; they are named with
the sha256 of their weights file. A checkpoint is written beside its place and renamed, so that a
kill at any moment leaves the previous one whole.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path

import torch
from torch import Tensor

from gantoolkit import weights
from gantoolkit.core.errors import GantoolkitError, WeightsError
from gantoolkit.training.task import Task
from gantoolkit.weights.state_dict import below, compare_state_dicts

KEEP = 2  # newest checkpoints
TENSORS = "trainable.safetensors"
OPTIMIZER = "optimizer.safetensors"
STATE = "state.json"


def trainable_state(task: Task) -> dict[str, Tensor]:
    """Collect `module.key` → tensor: what optimizers hold, persistent buffers, `ema_modules`.

    Whether a parameter requires grad just now does not matter: phases may freeze and thaw it.
    """
    optimized = set()
    for optimizer in task.optimizers.values():
        for group in optimizer.param_groups:
            optimized |= {id(parameter) for parameter in group["params"]}

    state = {}
    for name, module in task.modules.items():
        named = module.named_parameters(remove_duplicate=False)
        frozen = {key for key, parameter in named if id(parameter) not in optimized}
        for key, value in module.state_dict().items():
            if key not in frozen:
                state[f"{name}.{key}"] = value
    for name, module in task.ema_modules.items():
        for key, value in module.state_dict().items():
            state[f"ema.{name}.{key}"] = value
    return state


# -- writing ---------------------------------------------------------------------------------------


def save(folder: Path, task: Task, iteration: int, extra: dict) -> Path:
    """Write `folder/<iteration>` and keep the newest two.

    extra  more of state.json: JSON-able
    """
    path = folder / f"{iteration:08d}"
    temporary = folder / f".{iteration:08d}.part"
    for stale in folder.glob(".*.part"):  # of a run that was killed while it wrote
        shutil.rmtree(stale, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        _write(temporary, task, iteration, extra)
        shutil.rmtree(path, ignore_errors=True)
        os.replace(temporary, path)
    except Exception as error:  # safetensors reports a full disk as SafetensorError
        shutil.rmtree(temporary, ignore_errors=True)
        raise _disk_error(error, path, has_earlier=bool(_finished(folder))) from error
    for old in _finished(folder)[:-KEEP]:
        shutil.rmtree(old, ignore_errors=True)
    return path


def _write(folder: Path, task: Task, iteration: int, extra: dict) -> None:
    from safetensors.torch import save_file

    optimizer_tensors, optimizer_rest = _optimizer_state(task)
    save_file(_contiguous(trainable_state(task)), folder / TENSORS)
    save_file(_contiguous(optimizer_tensors), folder / OPTIMIZER)
    state = dict(iteration=iteration, optimizers=optimizer_rest, weights=task.weights(), **extra)
    (folder / STATE).write_text(json.dumps(state))
    for file in folder.iterdir():
        _sync_to_disk(file)


def _optimizer_state(task: Task) -> tuple[dict[str, Tensor], dict]:
    """Split optimizer state into tensors `phase/index/key` and the rest, which is JSON."""
    tensors, rest = {}, {}
    for phase, optimizer in task.optimizers.items():
        state = optimizer.state_dict()
        numbers: dict[str, dict] = {}
        for index, entries in state["state"].items():
            for key, value in entries.items():
                if isinstance(value, Tensor):
                    tensors[f"{phase}/{index}/{key}"] = value
                else:
                    numbers.setdefault(str(index), {})[key] = value
        rest[phase] = dict(groups=state["param_groups"], numbers=numbers)
    return tensors, rest


def _contiguous(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    copies = {}
    for name, tensor in tensors.items():
        copies[name] = tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
    return copies


def _sync_to_disk(path: Path) -> None:
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def _disk_error(error: Exception, path: Path, has_earlier: bool) -> Exception:
    """Turn an error of the disk into a sentence; other errors stay."""
    kept = "the previous checkpoint is whole" if has_earlier else "there is no earlier checkpoint"
    how = f"repeat the command with --resume ({kept})"
    full = getattr(error, "errno", None) == errno.ENOSPC or "No space left" in str(error)
    if full:
        return GantoolkitError(f"No space is left on the disk of {path}; free some, then {how}.")
    if isinstance(error, OSError):
        return GantoolkitError(f"{path} cannot be written ({error}); mend that, then {how}.")
    return error


# -- reading ---------------------------------------------------------------------------------------


def _finished(folder: Path) -> list[Path]:
    """List finished checkpoints, oldest first."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.glob("[0-9]*") if (path / STATE).is_file())


def newest_tensors(folder: Path) -> Path:
    """Find the file of trained tensors of the last finished checkpoint in `folder`."""
    checkpoints = _finished(folder)
    if not checkpoints:
        raise WeightsError(f"There is no checkpoint in {folder}; let the run reach its first one.")
    return checkpoints[-1] / TENSORS


def module_state(folder: Path, name: str) -> dict[str, Tensor]:
    """Read the tensors of one of `task.modules` from the newest checkpoint."""
    from safetensors.torch import load_file

    return below(load_file(newest_tensors(folder)), f"{name}.")


def load_latest(folder: Path, task: Task) -> dict | None:
    """Restore the newest readable checkpoint into `task`.

    Returns its state.json, or None where there is no checkpoint.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    damage = None
    for path in reversed(_finished(folder)):
        try:
            state = json.loads((path / STATE).read_text())
            parameters = load_file(path / TENSORS)
            optimizer_tensors = load_file(path / OPTIMIZER)
        except (OSError, ValueError, SafetensorError) as error:
            damage = f"{path} is damaged ({error})"
            continue
        _check_same_weights(state.get("weights", {}), task.weights(), path)
        copy_into(trainable_state(task), parameters, path)
        _restore_optimizers(task, optimizer_tensors, state["optimizers"])
        return state
    if damage:
        raise WeightsError(
            f"{damage} and there is no older checkpoint; delete {folder} to start afresh."
        )
    return None


def _restore_optimizers(task: Task, tensors: dict[str, Tensor], rest: dict) -> None:
    """Restore state and groups; learning rates stay those that the task was built with."""
    for phase, optimizer in task.optimizers.items():
        groups = []
        for group, built in zip(rest[phase]["groups"], optimizer.param_groups):
            group = dict(group, initial_lr=built.get("initial_lr", built["lr"]))
            if "betas" in group:
                group["betas"] = tuple(group["betas"])
            groups.append(group)

        numbers = rest[phase]["numbers"]
        state: dict[int, dict] = {int(index): dict(values) for index, values in numbers.items()}
        for name, tensor in tensors.items():
            of_phase, index, key = name.split("/")
            if of_phase == phase:
                state.setdefault(int(index), {})[key] = tensor
        optimizer.load_state_dict(dict(state=state, param_groups=groups))


def _check_same_weights(old: dict[str, str], new: dict[str, str], path: Path) -> None:
    """Refuse frozen networks whose content is not what this checkpoint was trained with."""
    if changed := weights.differing(old, new):
        raise WeightsError(
            f"'{changed[0]}' is not the file that {path} was trained with (its sha256 differs); "
            "put that version back, or start a new run with --out OTHER."
        )


@torch.no_grad()
def initialize_from(run: Path, task: Task) -> str:
    """Copy what fits from the newest checkpoint of another run; returns a sentence about it.

    Tensors of another shape, and those that the other run lacks, keep their initial values;
    optimizers start afresh.
    """
    from safetensors.torch import load_file

    if not run.is_dir():
        raise WeightsError(
            f"There is no run folder {run}; load_from takes the folder of a run with checkpoints."
        )
    path = newest_tensors(run / "checkpoint")
    source, target = load_file(path), trainable_state(task)
    copied = 0
    for key, tensor in target.items():
        if key in source and source[key].shape == tensor.shape:
            tensor.copy_(source[key])
            copied += 1
    if not copied:
        raise WeightsError(
            f"Nothing in {path} fits this task; `load_from` takes a run of the same kind of "
            "network."
        )
    return f"began from the run '{run.name}': {copied} of {len(target)} tensors"


@torch.no_grad()
def copy_into(target: dict[str, Tensor], source: dict[str, Tensor], path: Path) -> None:
    """Copy `source` into `target`; both must hold the same keys and shapes."""
    if diff := compare_state_dicts(source, target):
        raise WeightsError(
            f"{path} does not fit this task: it {diff}; resume with the config that the run began "
            "with."
        )
    for key, tensor in target.items():
        tensor.copy_(source[key])
