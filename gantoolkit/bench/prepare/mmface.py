"""MMFace-DiT: a mask in CelebAMask-HQ's colors, or a sketch in dark strokes, and a prompt per run.

The program shrinks pictures by LANCZOS itself, as it did in training. It draws the condition's
latent from a global stream that its --seed does not set, so runs differ a little. Errors of a
sample are logged, and its exit code is 0 all the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageOps

from gantoolkit.bench.official_outputs import mmface_slug
from gantoolkit.bench.prepare import Face, colored, jobs, prompts, quoted

CROP = "ffhq"
SIZE = 512
COMMENTS = (
    "MMFace-DiT, text and %s: run this in its folder, where VAE/, stable-diffusion-2-1-base/ and",
    "the weights are. SAMPLER, CONFIG and WEIGHTS name another model than flow at 512 px.",
    "Then: gantoolkit compare --data ZIP --outputs mmface=RESULTS",
)
CONFIG = "configs/flow/config_512_unified_rfm.yml"
WEIGHTS = "dit-unified-flux-vae-512-rfm/checkpoint-44070/dit_model_weights_ema.safetensors"
FOLDERS = {"mask": "masks", "sketch": "sketches"}  # by modality


def pictures(face: Face) -> dict[str, Image.Image]:
    """Make masks/ID.png (RGB) and, where the data has scribbles, sketches/ID.png (mode L)."""
    made = {f"masks/{face.id}.png": colored(face.labels(SIZE))}
    if face.has_scribble:
        made[f"sketches/{face.id}.png"] = ImageOps.invert(face.scribble(SIZE))
    return made


def texts(faces: Sequence[Face]) -> dict[str, str]:
    """Write prompts.jsonl, jobs.sh for masks and jobs-sketch.sh for sketches.

    Results are RESULTS/ID_MODALITY_SLUG_seedROW.png.
    """
    made = {"prompts.jsonl": prompts(faces, str), "jobs.sh": _jobs(faces, "mask")}
    if all(face.has_scribble for face in faces):
        made["jobs-sketch.sh"] = _jobs(faces, "sketch")
    return made


def _jobs(faces: Sequence[Face], modality: str) -> str:
    comments = [comment.replace("%s", modality) for comment in COMMENTS]
    commands = []
    for face in faces:
        result = f"{face.id}_{modality}_{mmface_slug(face.text)}_seed{face.index}.png"
        commands.append((result, _command(face, modality)))
    return jobs(comments, commands)


def _command(face: Face, modality: str) -> str:
    picture = f"{FOLDERS[modality]}/{face.id}.png"
    return (
        'python "${SAMPLER:-sample_flow.py}" '
        f'--config_path "${{CONFIG:-{CONFIG}}}" --weights_path "${{WEIGHTS:-{WEIGHTS}}}" '
        f'--modality {modality} --conditioning_path "$IN"/{quoted(picture)} '
        f"--prompt={quoted(face.text)} --num_samples 1 --seed {face.index} "
        '--mixed_precision bf16 --output_dir "$OUT"'
    )
