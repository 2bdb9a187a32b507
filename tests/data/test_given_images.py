"""What Python hands in is read like a file of the same content, and refused in its sentences."""

import numpy as np
import pytest
import torch
from PIL import Image

from gantoolkit import read_condition
from gantoolkit.core.errors import DataError, UsageError
from gantoolkit.core.labels import PALETTE
from gantoolkit.data import examples


@pytest.fixture(scope="module")
def labels() -> np.ndarray:
    return np.asarray(Image.open(examples.find("old-man", "mask")))


def masks(labels) -> dict[str, object]:
    colors = np.array(PALETTE, np.uint8)[labels]
    return {
        "image": Image.open(examples.find("old-man", "mask")),
        "rgb image": Image.fromarray(colors),
        "int64": labels.astype(np.int64),
        "float64": labels.astype(np.float64),
        "tensor": torch.from_numpy(labels.copy())[None],
        "one-hot": torch.from_numpy(np.arange(19)[:, None, None] == labels).float(),
        "one-hot batch": torch.from_numpy(np.arange(19)[:, None, None] == labels)[None],
        "colors": colors,
        "colors first": torch.from_numpy(colors.copy()).permute(2, 0, 1),
        "list": [str(examples.find("old-man", "mask"))],
    }


def test_a_mask_is_the_same_however_it_is_given(labels):
    small = Image.fromarray(labels).resize((64, 64), Image.Resampling.NEAREST)
    expected = torch.from_numpy(np.arange(19)[:, None, None] == np.asarray(small)).float()
    for name, value in masks(labels).items():
        assert torch.equal(read_condition("", mask=value).mask[0], expected), name


def test_oblong_maps_are_padded_as_in_files(labels):
    wide = np.pad(labels, ((0, 0), (64, 64)))[16:112]
    found = read_condition("", mask=wide, resolution=64).mask[0].argmax(0).numpy()
    square = np.pad(wide, ((80, 80), (0, 0)))
    expected = Image.fromarray(square).resize((64, 64), Image.Resampling.NEAREST)
    assert np.array_equal(found, np.asarray(expected))


def test_a_scribble_is_the_same_however_it_is_given():
    strokes = np.asarray(Image.open(examples.find("old-man", "scribble")))
    expected = read_condition("", scribble="old-man").scribble
    for value in (strokes, 255 - strokes, strokes / 255, torch.from_numpy(strokes / 255)[None]):
        found = read_condition("", scribble=value).scribble
        torch.testing.assert_close(found, expected, atol=0.01, rtol=0)


def test_lists_make_batches(labels):
    batch = read_condition(["a", "b"], mask=[labels, "woman-with-hat"], seed=[1, 2])
    assert batch.text == ("a", "b") and batch.seed.tolist() == [1, 2]
    assert torch.equal(batch.mask[1:], read_condition("", mask="woman-with-hat").mask)
    one = read_condition("a", mask="old-man", scribble="old-man", seed=torch.tensor([4, 5, 6]))
    assert one.text == ("a",) * 3 and len(one.mask) == len(one.scribble) == 3


@pytest.mark.parametrize(
    "wrong, error, words",
    [
        (dict(mask=None), UsageError, "Give a mask, a scribble or both"),
        (dict(mask=3), UsageError, "mask must be a file, a PIL image, an array, .* not 3"),
        (dict(mask=np.zeros((64, 64))), DataError, "mask holds only background"),
        (dict(mask=np.full((64, 64), 40)), DataError, r"mask has unknown labels \(40\)"),
        (dict(mask=np.full((64, 64), 400)), DataError, r"mask has unknown labels \(400\)"),
        (dict(mask=np.full((64, 64), np.nan)), DataError, "mask holds fractions"),
        (dict(mask=np.ones((5, 64, 64))), UsageError, r"not an array \[5, 64, 64\]; several go"),
        (dict(mask=np.ones((19, 64, 64))), UsageError, "must be one-hot"),
        (dict(mask=np.ones((64, 300))), DataError, "mask is 300×64 pixels; crop it"),
        (dict(mask=np.ones((64, 64, 3))), UsageError, "float64 colors; give 8-bit"),
        (dict(mask=None, scribble=np.full((64, 64), 1.5)), UsageError, "must lie in 0..1"),
        (dict(mask=None, scribble=np.zeros((64, 64))), DataError, "scribble holds no strokes"),
        (
            dict(mask=255 * np.eye(64, dtype=np.uint8)),
            DataError,
            "give drawings with scribble=",
        ),
        (dict(labels="coco"), UsageError, "labels='coco' is unknown; choose"),
        (dict(seed=-1), UsageError, "seed must be from 0 to 4294967295, not -1"),
        (dict(seed="x"), UsageError, "seed must be a whole number, not 'x'"),
        (dict(text=["a", "b"], seed=[1, 2, 3]), UsageError, "2 prompts, 1 masks, 3 seeds"),
        (dict(text=7), UsageError, "A prompt must be a text, not 7"),
        (dict(text=[]), UsageError, "Lists must be of one length"),
        (dict(text="a\0b"), UsageError, "The prompt holds a NUL character"),
    ],
)
def test_what_cannot_be_read_is_a_sentence(wrong, error, words):
    with pytest.raises(error, match=words):
        read_condition(**{"text": "a", "mask": "old-man", **wrong})
