"""IDE-3D: a photo, its label map and its camera, at 512 px in EG3D's crop.

infer_hybrid_encoder.py looks a picture's camera up by the last 21 letters of its path, 00012/img00012345.png, in the
dataset.json of EG3D's FFHQ, and negates the camera's y and z axes itself: the file holds EG3D's signs. A file with
IDE-3D's own would be turned back by it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence

from gantoolkit.bench.prepare import Face, jobs, prompts, quoted
from gantoolkit.core.errors import DataError

CROP = "eg3d"
SIZE = 512
HEAD = (
    "IDE-3D: run this in its folder, after `fname` in apps/infer_hybrid_encoder.py was set to the dataset.json beside",
    "this file; G and E name the generator and encoder. Then: gantoolkit compare --data ZIP --outputs ide3d=RESULTS",
)


def place(face: Face) -> str:
    """00012/img00012345 of the sample "12345" or "img00012345"."""
    found = re.fullmatch(r"(?:img(?=\d{8}$))?(\d{1,8})", face.id)
    if found is None:
        raise DataError(
            f"IDE-3D looks cameras up by number, and '{face.id}' is none; name the pictures 0.png, 1.png, … "
            "and prepare the data again."
        )
    number = int(found[1])
    return f"{number // 1000:05d}/img{number:08d}"


def pictures(face: Face) -> dict:
    """images/ (RGB) and masks/ (numbers 0..18, mode L), both as FFHQ's folders are laid out."""
    return {
        f"images/{place(face)}.png": face.image(SIZE),
        f"masks/{place(face)}.png": face.labels(SIZE),
    }


def texts(faces: Sequence[Face]) -> dict[str, str]:
    """dataset.json, prompts.jsonl and jobs.sh, whose results are RESULTS/imgNUMBER/rec_img.png."""
    places = [place(face) for face in faces]
    where, count = Counter(places).most_common(1)[0]
    if count > 1:
        raise DataError(
            f"{count} samples have the number of {where}; IDE-3D could not tell them apart."
        )
    labels = [[f"{name}.png", face.camera] for name, face in zip(places, faces)]
    lines = ((f"{name.partition('/')[2]}/rec_img.png", _command(name)) for name in places)
    return {
        "dataset.json": json.dumps({"labels": labels}) + "\n",
        "prompts.jsonl": prompts(faces, str),
        "jobs.sh": jobs(HEAD, lines),
    }


def _command(where: str) -> str:
    name = quoted(f"{where}.png")
    return (
        f'python apps/infer_hybrid_encoder.py --target_img "$IN"/images/{name} --target_seg "$IN"/masks/{name} '
        '--g_ckpt "${G:-pretrained_models/ide3d-ffhq-64-512.pkl}" '
        '--e_ckpt "${E:-pretrained_models/encoder-base-hybrid.pkl}" --outdir "$OUT"'
    )
