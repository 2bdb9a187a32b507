"""Orders of label maps: tables against published lists, and detection in every order."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image
from test_label_maps import REAL, real

from gantoolkit.core.errors import DataError
from gantoolkit.core.labels import CLASSES, FLIP, ORDERS
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.data.label_maps import read_native_label_map
from gantoolkit.data.label_orders import conflicting_order, detect_order

LIST1 = (
    "skin neck hat eye_g hair ear_r neck_l cloth l_eye r_eye l_brow r_brow nose l_ear r_ear mouth "
    "u_lip l_lip"
)
SEGNET20 = (
    "background skin l_brow r_brow l_eye r_eye nose nose mouth u_lip l_lip l_ear r_ear ear_r "
    "eye_g neck "
    "neck_l cloth hair hat"
)


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    """[24,H,W] rendered label maps in our order."""
    return FaceZip("val").labels[:24].numpy()


def as_written(labels: np.ndarray, order: str) -> np.ndarray:
    """The same maps with the numbers of another order."""
    numbers = np.zeros(19, np.uint8)
    for number, ours in reversed(list(enumerate(ORDERS[order]))):
        numbers[ours] = number
    return numbers[labels]


def test_tables_follow_the_published_lists():
    assert [CLASSES[k] for k in ORDERS["celebamask-list1"]] == ["background", *LIST1.split()]
    assert [CLASSES[k] for k in ORDERS["segnet20"]] == SEGNET20.split()
    for order in ("celebamask", "celebamask-list1", "bisenet"):
        assert sorted(ORDERS[order]) == list(range(19))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("count", [4, 24])
def test_every_order_is_recognized(faces, order, count):
    found = detect_order(as_written(faces[:count], order))
    assert found.order == order and not found.swapped


def test_swapped_sides_are_noticed(faces):
    table = np.arange(19)
    for a, b in FLIP:
        table[a], table[b] = b, a
    assert detect_order(table[faces]).swapped


def test_what_is_no_face_is_refused():
    noise = np.random.default_rng(0).integers(0, 19, (8, 32, 32))
    with pytest.raises(DataError, match="cannot be told.*--labels"):
        detect_order(noise)


@real
def test_real_maps():
    listed = json.loads((REAL / "label_encodings.json").read_text())
    assert [CLASSES[k] for k in ORDERS["bisenet"]] == listed["encoding_B_face_parsing_pytorch"]
    paths = [
        REAL / "masks/cd_27007_512.png",
        REAL / "masks/cd_29980_512.png",
        REAL / "triple_psp/mask.png",
    ]
    maps = [read_native_label_map(path)[::2, ::2] for path in paths]
    smallest = min(m.shape for m in maps)
    maps = np.stack([m[: smallest[0], : smallest[1]] for m in maps])
    for order in ORDERS:
        assert detect_order(as_written(maps, order)).order == order


def test_single_maps_in_another_order_are_noticed_and_no_other(tmp_path):
    path = tmp_path / "map.png"
    for labels in FaceZip("val").labels[:60].numpy():
        for order in ORDERS:
            Image.fromarray(as_written(labels, order)).save(path)
            assert conflicting_order([path], order) is None
            found = conflicting_order([path], "bisenet" if order == "celebamask" else "celebamask")
            assert found in (order, None)  # None where a face lacks too many parts to tell


@real
def test_no_real_map_is_taken_for_another_order(tmp_path):
    for path in [
        *REAL.glob("masks/cd_*.png"),
        REAL / "triple_psp/mask.png",
        REAL / "masks/fp_hair_512.png",
    ]:
        assert conflicting_order([path], "celebamask") is None
        for order in ("bisenet", "segnet20", "celebamask-list1") if "hair" not in path.name else ():
            Image.fromarray(as_written(np.asarray(Image.open(path)), order)).save(
                tmp_path / "map.png"
            )
            assert conflicting_order([tmp_path / "map.png"], "celebamask") == order
