"""The prompts of `gantoolkit generate`: --text, a file of prompts, or a caption per picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gantoolkit.core import files
from gantoolkit.core.errors import DataError, UsageError
from gantoolkit.core.text import check_text

if TYPE_CHECKING:
    from gantoolkit.data.user_inputs import InputFiles
    from gantoolkit.inference.options import GenerateOptions

MOST_NAMED = 5  # pictures that a sentence names


def read_prompts(path: str | Path) -> list[str]:
    """Read a text file with a prompt per line; blank lines are left out."""
    lines = files.read_text(path, UsageError).split("\n")
    prompts = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            prompts.append(check_text(line.strip(), f"{path}, line {number}", UsageError))
    if not prompts:
        raise UsageError(f"{path} holds no prompt; write one on each line.")
    return prompts


def read_captions(path: str | Path, names: Sequence[str]) -> list[str]:
    """Read the caption of every picture: the first of NAME.txt in a folder, or of a JSON file."""
    from gantoolkit.data.cameras import stem
    from gantoolkit.data.prepare.captions import Captions

    captions = Captions.find([], Path(path))
    problems: list = []
    found = [captions.of(stem(name), problems) for name in names]
    if problems:
        named = [f"{problem.name}: {problem.problem}" for problem in problems[:MOST_NAMED]]
        more = len(problems) - len(named)
        if more:
            named.append(f"and {more} more")
        raise DataError(f"{path} lacks captions ({'; '.join(named)}); add them, or use --text.")
    return [texts[0] for texts in found]


def prompts_of_inputs(
    options: GenerateOptions, inputs: Sequence[InputFiles]
) -> list[tuple[str, ...]]:
    """Return the prompts that each input is drawn with."""
    if options.captions is not None:
        captions = read_captions(options.captions, [item.path.stem for item in inputs])
        return [(caption,) for caption in captions]
    return [prompts(options)] * len(inputs)


def prompts(options: GenerateOptions) -> tuple[str, ...]:
    """Return the prompts of --text or --prompts; an empty one where there is none."""
    if options.prompts is not None:
        return tuple(read_prompts(options.prompts))
    return options.texts or ("",)
