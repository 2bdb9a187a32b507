"""Collaborative Diffusion: a label map and a prompt per run, which also names a folder."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from gantoolkit.bench.official_outputs import collaborative_prompt
from gantoolkit.bench.prepare import Face, jobs, prompts, quoted

CROP = "ffhq"
SIZE = 512  # the program reduces it to 32 by nearest neighbor
COMMENTS = (
    "Collaborative Diffusion: run this in its folder, where pretrained/ holds",
    "512_codiff_mask_text.ckpt. It has no option for a seed.",
    "Then: gantoolkit compare --data ZIP --outputs collaborative=RESULTS",
)


def pictures(face: Face) -> dict[str, Image.Image]:
    """Make masks/ID.png: numbers 0..18, mode L."""
    return {f"masks/{face.id}.png": face.labels(SIZE)}


def texts(faces: Sequence[Face]) -> dict[str, str]:
    """Write prompts.jsonl and jobs.sh, whose results are RESULTS/ID.png/PROMPT/000000_x_0.png."""
    commands = []
    for face in faces:
        result = f"{face.id}.png/{collaborative_prompt(face.text)}/000000_x_0.png"
        commands.append((result, _command(face)))
    return {
        "prompts.jsonl": prompts(faces, collaborative_prompt),
        "jobs.sh": jobs(COMMENTS, commands),
    }


def _command(face: Face) -> str:
    return (
        f'python generate.py --mask_path "$IN"/masks/{quoted(face.id)}.png --input_text '
        f'{quoted(collaborative_prompt(face.text))} --batch_size 1 --save_folder "$OUT"'
    )
