"""What a user hands in (prompts with label maps or scribbles) as Conditions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gantoolkit.core.errors import DataError, UsageError, warn_once
from gantoolkit.core.images import one_hot
from gantoolkit.core.limits import check_seed
from gantoolkit.core.suggest import check_choice
from gantoolkit.core.text import check_text, normal_name
from gantoolkit.core.types import Camera, Condition
from gantoolkit.data import examples, given_images
from gantoolkit.data.image_files import list_images
from gantoolkit.data.label_maps import read_label_map
from gantoolkit.data.user_scribbles import read_scribble

KINDS = ("mask", "scribble")


def condition_kinds(condition: str) -> tuple[str, ...]:
    """List the kinds of images that a run on 'mask', 'scribble' or 'both' is given."""
    return KINDS if condition == "both" else (condition,)


def check_kinds(condition: str, given: Collection[str], run: str, option: str = "--{}") -> None:
    """Raise UsageError for images that a run was not trained on, and for too few of them.

    given   the kinds that are given
    run     what the sentence calls the run
    option  how a kind is given: "--{}" on the command line
    """
    needed = condition_kinds(condition)
    if set(given) == set(needed):
        return
    asked = list(needed)
    how = ""
    if set(given) > set(needed):
        how = " alone"
    elif given and set(given) < set(needed):
        how = " as well"
        asked = [kind for kind in needed if kind not in given]
    raise UsageError(
        f"{run} was trained on {' and '.join(f'{kind}s' for kind in needed)}; "
        f"give {' and '.join(option.format(kind) for kind in asked)}{how}."
    )


@dataclass(frozen=True)
class InputFiles:
    """Where one input lies: a label map, a drawing, or both."""

    name: str  # unique among the inputs, safe in file names
    mask: Path | None = None
    scribble: Path | None = None

    @property
    def path(self) -> Path:
        """The file that names the input: the label map where there is one."""
        path = self.mask or self.scribble
        assert path is not None
        return path


@dataclass(frozen=True)
class UserInput:
    """One image of a user, or a label map with its drawing."""

    path: Path
    name: str  # unique among the inputs, safe in file names
    labels: Tensor | None = None  # [H,W] uint8
    scribble: Tensor | None = None  # [1,H,W] in 0..1
    drawing: Path | None = None  # the file of the scribble where `path` is that of the label map


def list_inputs(
    mask: str | Path | None = None, scribble: str | Path | None = None
) -> list[InputFiles]:
    """List the files of a picture or a folder of a kind, or of both kinds paired.

    Two files make a pair; two folders are paired by stem. Names of examples count as files.
    """
    if mask is None and scribble is None:
        raise UsageError("Give a mask, a scribble or both.")
    if mask is None or scribble is None:
        kind = "mask" if scribble is None else "scribble"
        paths = list_images(examples.find(mask or scribble or "", kind))
        names = unique_names(paths)
        return [InputFiles(name, **{kind: path}) for name, path in zip(names, paths, strict=True)]
    masks = list_inputs(mask=mask)
    drawings = {item.name: item.scribble for item in list_inputs(scribble=scribble)}
    if len(masks) == len(drawings) == 1 and not Path(mask).is_dir() and not Path(scribble).is_dir():
        return [replace(masks[0], scribble=next(iter(drawings.values())))]
    _check_paired(str(mask), {item.name for item in masks}, str(scribble), drawings.keys())
    return [replace(item, scribble=drawings[item.name]) for item in masks]


def _check_paired(
    mask: str, mask_names: set[str], scribble: str, drawing_names: Collection[str]
) -> None:
    unpaired = []
    for folder, missing in (
        (scribble, mask_names - set(drawing_names)),
        (mask, set(drawing_names) - mask_names),
    ):
        if missing:
            unpaired.append(f"{folder} has nothing named {', '.join(sorted(missing))}")
    if unpaired:
        raise DataError(f"Masks and scribbles are paired by name: {'; '.join(unpaired)}.")


def read_input(files: InputFiles, resolution: int, order: str = "celebamask") -> UserInput:
    """Read the images of one input at `resolution`; `order` is that of its label numbers."""
    labels = None
    scribble = None
    if files.mask is not None:
        labels = read_label_map(files.mask, resolution, order)
    if files.scribble is not None:
        scribble = read_scribble(files.scribble, resolution)
    drawing = files.scribble if files.mask is not None else None
    return UserInput(files.path, files.name, labels, scribble, drawing)


def read_inputs(
    path: str | Path, kind: str, resolution: int, order: str = "celebamask"
) -> list[UserInput]:
    """Read a file or folder of label maps (kind "mask") or drawings ("scribble")."""
    check_choice("kind", kind, KINDS)
    return [read_input(files, resolution, order) for files in list_inputs(**{kind: path})]


def unique_names(paths: Sequence[Path]) -> list[str]:
    """Name each path by its stem, with the suffix where files share a stem.

    What is still equal is numbered.
    """
    stems = [re.sub(r"[^\w.-]+", "-", normal_name(path.stem)) for path in paths]
    uses = Counter(stems)
    names: dict[str, str] = {}  # keys in small letters, which is how some disks compare names
    for stem, path in zip(stems, paths, strict=True):
        base = f"{stem}_{path.suffix.lstrip('.')}" if uses[stem] > 1 else stem
        name = base
        number = 2
        while name.casefold() in names:
            name = f"{base}-{number}"
            number += 1
        names[name.casefold()] = name
    return list(names.values())


def make_condition(
    inputs: Sequence[UserInput],
    text: str | Sequence[str],
    seeds: Iterable[int],
    camera: Camera | None = None,
) -> Condition:
    """Batch inputs of one kind (or of both) with a prompt for all or one each, and a seed each."""
    prompts = (text,) * len(inputs) if isinstance(text, str) else tuple(text)
    for prompt in prompts:
        check_text(prompt, "The prompt", UsageError)
    masks = [item.labels for item in inputs if item.labels is not None]
    scribbles = [item.scribble for item in inputs if item.scribble is not None]
    return Condition(
        prompts,
        one_hot(torch.stack(masks)) if masks else None,
        torch.stack(scribbles) if scribbles else None,
        camera,
        torch.tensor(list(seeds)),
    )


def read_condition(
    text: str | Sequence[str],
    mask: Any = None,
    scribble: Any = None,
    resolution: int = 64,
    seed: int | Sequence[int] = 0,
    labels: str = "celebamask",
) -> Condition:
    """Make the Condition [B] of prompts with label maps, drawings or both.

    text, mask, scribble, seed  one for all, or a list of B. A mask or scribble is a file, a folder,
                the name of an example, a PIL image, or an array or tensor: labels [H,W] or one-hot
                [19,H,W], colors [H,W,3], strokes [H,W] in 0..1 or 0..255. Label maps are resized by
                nearest neighbor; what is not square is padded
    resolution  pixels per side, as the pipeline takes them (`pipeline.resolution`)
    seed        of the pipeline's noise
    labels      order of label numbers: a name of `core.labels.ORDERS`

    >>> read_condition(["an old man", "a young man"], mask="old-man", seed=3).mask.shape
    torch.Size([2, 19, 64, 64])
    """
    if mask is None and scribble is None:
        raise UsageError("Give a mask, a scribble or both.")
    masks = _read_images(mask, "mask", resolution, labels)
    scribbles = _read_images(scribble, "scribble", resolution, labels)
    parts = {
        "prompts": _as_list(text),
        "masks": masks,
        "scribbles": scribbles,
        "seeds": _as_list(seed),
    }
    prompts, masks, scribbles, seeds = _same_length(parts)
    for prompt in prompts:
        if not isinstance(prompt, str):
            raise UsageError(f"A prompt must be a text, not {prompt!r}.")
        check_text(prompt, "The prompt", UsageError)
    return Condition(
        tuple(prompts),
        one_hot(torch.stack(masks)) if masks else None,
        torch.stack(scribbles) if scribbles else None,
        seed=torch.tensor([check_seed(one) for one in seeds]),
    )


def _read_images(value: Any, kind: str, resolution: int, labels: str) -> list[Tensor]:
    """Read masks or scribbles; what readers say of options is said of arguments."""
    if value is None:
        return []

    def note(text: str) -> None:
        warn_once(_in_words_of_python(text))

    images = []
    try:
        for source in given_images.sources(value, kind):
            if kind == "mask":
                images.append(read_label_map(source, resolution, labels, note))
            else:
                images.append(read_scribble(source, resolution, note))
    except DataError as error:
        raise DataError(_in_words_of_python(str(error))) from None
    return images


def _in_words_of_python(sentence: str) -> str:
    """Name arguments in place of options: labels='bisenet' for --labels bisenet."""
    sentence = re.sub(r"--labels (\w+)", r"labels='\1'", sentence)
    return re.sub(r"--(mask|scribble)", r"\1=", sentence)


def _as_list(value: Any) -> list:
    is_several = isinstance(value, Iterable) and not isinstance(value, str)
    return list(value) if is_several else [value]


def _same_length(parts: dict[str, list]) -> list[list]:
    """Repeat what is single so that all have B elements; empty lists stay."""
    size = max(len(values) for values in parts.values())
    odd = [
        f"{len(values)} {name}" for name, values in parts.items() if len(values) not in (0, 1, size)
    ]
    if odd or not all(parts[name] for name in ("prompts", "seeds")):
        counts = ", ".join(f"{len(values)} {name}" for name, values in parts.items() if values)
        raise UsageError(f"Lists must be of one length, or of one element: these are {counts}.")
    return [values * size if len(values) == 1 else values for values in parts.values()]
