"""TediGAN, folder ext: a label map and a text per run.

pSp's encoder reads the mask, then CLIP steers its code.
inference.py keeps only the code of the last mask that it saw, so every mask has a folder of its
own. It resizes label maps to 256 px by bilinear interpolation, which mixes labels, so they are
given that size before.
"""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from gantoolkit.bench.prepare import Face, jobs, prompts, quoted

CROP = "ffhq"
SIZE = 256
COMMENTS = (
    "TediGAN, text and mask: run this in TediGAN/ext, where pretrained_models/ holds",
    "psp_celebs_seg_to_face.pt and stylegan2-ffhq-config-f.pt.",
    "Then: gantoolkit compare --data ZIP --outputs tedigan=RESULTS",
)


def pictures(face: Face) -> dict[str, Image.Image]:
    """Make masks/ID/ID.png: numbers 0..18, mode L."""
    return {f"masks/{face.id}/{face.id}.png": face.labels(SIZE)}


def texts(faces: Sequence[Face]) -> dict[str, str]:
    """Write prompts.jsonl and jobs.sh, whose results are RESULTS/ID/final_result.png."""
    commands = [(f"{face.id}/final_result.png", _command(face)) for face in faces]
    return {"prompts.jsonl": prompts(faces, str), "jobs.sh": jobs(COMMENTS, commands)}


def _command(face: Face) -> str:
    name = quoted(face.id)
    return (
        f'python inference.py --exp_dir "$OUT"/{name} --checkpoint_path '
        "pretrained_models/psp_celebs_seg_to_face.pt "
        f'--data_path "$IN"/masks/{name} --test_batch_size 1 && python demo.py --mode man '
        "--description "
        f'{quoted(face.text)} --latent_path "$OUT"/{name}/inference_results/inverted_codes.pt '
        "--results_dir "
        f'"$OUT"/{name} --step 500 --loss_clip_weight 200'
    )
