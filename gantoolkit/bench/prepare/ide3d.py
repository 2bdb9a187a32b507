"""IDE-3D: a photo, its label map and its camera, at 512 px in EG3D's crop.

infer_hybrid_encoder.py looks a picture's camera up in the dataset.json of EG3D's FFHQ, by the last
21 letters of the picture's path: 00012/img00012345.png. It negates the camera's y and z axes
itself, so the file holds EG3D's signs. The program would turn back a file with IDE-3D's own.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence

from PIL import Image

from gantoolkit.bench.prepare import Face, jobs, prompts, quoted
from gantoolkit.core.errors import DataError

CROP = "eg3d"
SIZE = 512
COMMENTS = (
    "IDE-3D: set `fname` in its apps/infer_hybrid_encoder.py to the dataset.json beside this file,",
    "then run this in its folder; G and E name the generator and encoder.",
    "Then: gantoolkit compare --data ZIP --outputs ide3d=RESULTS",
)


def ffhq_name(face: Face) -> str:
    """Return 00012/img00012345 of the sample "12345" or "img00012345"."""
    match = re.fullmatch(r"(?:img(?=\d{8}$))?(\d{1,8})", face.id)
    if match is None:
        raise DataError(
            f"IDE-3D looks cameras up by number, and '{face.id}' is not a number; name the "
            "pictures 0.png, 1.png, … and prepare the data again."
        )
    number = int(match[1])
    return f"{number // 1000:05d}/img{number:08d}"


def pictures(face: Face) -> dict[str, Image.Image]:
    """Make images/ (RGB) and masks/ (numbers 0..18, mode L), both laid out like FFHQ's folders."""
    name = ffhq_name(face)
    return {f"images/{name}.png": face.image(SIZE), f"masks/{name}.png": face.labels(SIZE)}


def texts(faces: Sequence[Face]) -> dict[str, str]:
    """Write dataset.json, prompts.jsonl and jobs.sh.

    Results of jobs.sh are RESULTS/imgNUMBER/rec_img.png.
    """
    names = [ffhq_name(face) for face in faces]
    name, count = Counter(names).most_common(1)[0]
    if count > 1:
        raise DataError(
            f"{count} samples have the number of {name}; IDE-3D could not tell them apart."
        )
    labels = [[f"{name}.png", face.camera] for name, face in zip(names, faces)]
    commands = [(f"{name.partition('/')[2]}/rec_img.png", _command(name)) for name in names]
    return {
        "dataset.json": json.dumps({"labels": labels}) + "\n",
        "prompts.jsonl": prompts(faces, str),
        "jobs.sh": jobs(COMMENTS, commands),
    }


def _command(name: str) -> str:
    file = quoted(f"{name}.png")
    return (
        f'python apps/infer_hybrid_encoder.py --target_img "$IN"/images/{file} --target_seg '
        f'"$IN"/masks/{file} '
        '--g_ckpt "${G:-pretrained_models/ide3d-ffhq-64-512.pkl}" '
        '--e_ckpt "${E:-pretrained_models/encoder-base-hybrid.pkl}" --outdir "$OUT"'
    )
