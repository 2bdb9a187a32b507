"""Checkpoints: trainable parameters, buffers, averages and optimiser state as safetensors and JSON.

Frozen networks are never written; they are named with the sha256 of their weights file. Nothing is pickled, nothing in a
checkpoint is executed. A checkpoint is written beside its place and renamed, so that a kill at any moment
leaves the previous one whole.
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

KEEP = 2
TENSORS = "trainable.safetensors"


def trainable_state(task: Task) -> dict[str, Tensor]:
    """`module.key` → tensor: parameters that an optimiser holds, persistent buffers, and all of `ema_modules`.

    Whether a parameter requires grad just now does not matter: turns may freeze and thaw it.
    """
    held = {id(p) for o in task.optimizers.values() for g in o.param_groups for p in g["params"]}
    state = {}
    for name, module in task.modules.items():
        frozen = {
            key for key, p in module.named_parameters(remove_duplicate=False) if id(p) not in held
        }
        state.update({f"{name}.{k}": v for k, v in module.state_dict().items() if k not in frozen})
    for name, module in task.ema_modules.items():
        state.update({f"ema.{name}.{k}": v for k, v in module.state_dict().items()})
    return state


def _optimizer_state(task: Task) -> tuple[dict[str, Tensor], dict]:
    """Tensors `turn/index/key` and everything else as JSON."""
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


def _restore_optimizers(task: Task, tensors: dict[str, Tensor], rest: dict) -> None:
    """State and groups as they were, but for the learning rates, which are those that the task was built with."""
    for phase, optimizer in task.optimizers.items():
        rates = [group.get("initial_lr", group["lr"]) for group in optimizer.param_groups]
        groups = [
            {**{k: tuple(v) if k == "betas" else v for k, v in group.items()}, "initial_lr": rate}
            for group, rate in zip(rest[phase]["groups"], rates)
        ]
        state: dict[int, dict] = {int(i): dict(v) for i, v in rest[phase]["numbers"].items()}
        for name, tensor in tensors.items():
            owner, index, key = name.split("/")
            if owner == phase:
                state.setdefault(int(index), {})[key] = tensor
        optimizer.load_state_dict(dict(state=state, param_groups=groups))


def _contiguous(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        k: v.detach().cpu().clone(memory_format=torch.contiguous_format) for k, v in tensors.items()
    }


def save(folder: Path, task: Task, iteration: int, extra: dict) -> Path:
    """Write `folder/<iteration>`; keep the last two. `extra` must be JSON-able."""
    from safetensors.torch import save_file

    final, temporary = folder / f"{iteration:08d}", folder / f".{iteration:08d}.part"
    for stale in folder.glob(".*.part"):  # of a run that was killed while it wrote
        shutil.rmtree(stale, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        tensors, rest = _optimizer_state(task)
        save_file(_contiguous(trainable_state(task)), temporary / TENSORS)
        save_file(_contiguous(tensors), temporary / "optimizer.safetensors")
        state = dict(iteration=iteration, optimizers=rest, weights=task.weights(), **extra)
        (temporary / "state.json").write_text(json.dumps(state))
        for file in temporary.iterdir():
            _flush(file)
        shutil.rmtree(final, ignore_errors=True)
        os.replace(temporary, final)
    except Exception as error:  # safetensors reports a full disk as SafetensorError
        shutil.rmtree(temporary, ignore_errors=True)
        raise _disk_error(error, final) from error
    for old in _folders(folder)[:-KEEP]:
        shutil.rmtree(old, ignore_errors=True)
    return final


def _flush(path: Path) -> None:
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def _disk_error(error: Exception, path: Path) -> Exception:
    """A sentence where the disk is the trouble, else the error itself."""
    full = getattr(error, "errno", None) == errno.ENOSPC or "No space left" in str(error)
    if full:
        return GantoolkitError(
            f"No space is left on the disk of {path}; free some, then repeat the command "
            "with --resume (the previous checkpoint is whole)."
        )
    if isinstance(error, OSError):
        return GantoolkitError(
            f"{path} cannot be written ({error}); mend that, then repeat with --resume."
        )
    return error


def _folders(folder: Path) -> list[Path]:
    """Finished checkpoints, oldest first."""
    found = folder.glob("[0-9]*") if folder.is_dir() else []
    return sorted(p for p in found if (p / "state.json").is_file())


def newest(folder: Path) -> Path:
    """The trained tensors of the last finished checkpoint in `folder`."""
    folders = _folders(folder)
    if not folders:
        raise WeightsError(f"There is no checkpoint in {folder}; let the run reach its first one.")
    return folders[-1] / TENSORS


def load_latest(folder: Path, task: Task) -> dict | None:
    """Restore the newest readable checkpoint into `task`; its state.json, or None where there is none."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    trouble = None
    for path in reversed(_folders(folder)):
        try:
            state = json.loads((path / "state.json").read_text())
            parameters = load_file(path / TENSORS)
            tensors = load_file(path / "optimizer.safetensors")
        except (OSError, ValueError, SafetensorError) as error:
            trouble = f"{path} is damaged ({error})"
            continue
        _same_weights(state.get("weights", {}), task.weights(), path)
        copy_into(trainable_state(task), parameters, path)
        _restore_optimizers(task, tensors, state["optimizers"])
        return state
    if trouble:
        raise WeightsError(
            f"{trouble} and there is no older checkpoint; delete {folder} to start afresh."
        )
    return None


def _same_weights(old: dict[str, str], new: dict[str, str], path: Path) -> None:
    """Refuse frozen networks whose content is not what this checkpoint was trained with."""
    if changed := weights.differing(old, new):
        raise WeightsError(
            f"'{changed[0]}' is not the file that {path} was trained with (its sha256 differs); put that "
            "version back, or start a new run with --out OTHER."
        )


@torch.no_grad()
def begin_from(run: Path, task: Task) -> str:
    """Copy what fits from the newest checkpoint of another run; a sentence that says how much did.

    Tensors of another shape, and those the other run lacks, keep their initial values; optimisers start afresh.
    """
    from safetensors.torch import load_file

    if not run.is_dir():
        raise WeightsError(
            f"There is no run folder {run}; load_from takes the folder of a run with checkpoints."
        )
    path = newest(run / "checkpoint")
    target, source = trainable_state(task), load_file(path)
    fitting = [
        key for key, tensor in target.items() if key in source and source[key].shape == tensor.shape
    ]
    if not fitting:
        raise WeightsError(
            f"Nothing in {path} fits this task; `load_from` takes a run of the same kind of network."
        )
    for key in fitting:
        target[key].copy_(source[key])
    return f"began from the run '{run.name}': {len(fitting)} of {len(target)} tensors"


@torch.no_grad()
def copy_into(target: dict[str, Tensor], source: dict[str, Tensor], path: Path) -> None:
    """Copy `source` into the tensors of `target`; both must hold the same keys and shapes."""
    wrong = set(target) ^ set(source) | {
        k for k in set(target) & set(source) if target[k].shape != source[k].shape
    }
    if wrong:
        raise WeightsError(
            f"{path} does not fit this task: {len(wrong)} tensors differ, such as "
            f"'{sorted(wrong)[0]}'; resume with the config that the run began with."
        )
    for key, tensor in target.items():
        tensor.copy_(source[key])


def part(folder: Path, name: str) -> dict[str, Tensor]:
    """The tensors of one of `task.modules` in the newest checkpoint."""
    from safetensors.torch import load_file

    state = load_file(newest(folder))
    return {
        key[len(name) + 1 :]: value for key, value in state.items() if key.startswith(f"{name}.")
    }
