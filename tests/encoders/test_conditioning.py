"""What a ControlNet is shown: palettes, sizes, kinds."""

import pytest
import torch

from gantoolkit.core.errors import UsageError
from gantoolkit.core.labels import PALETTE
from gantoolkit.core.types import Condition
from gantoolkit.encoders.conditioning import (
    choose_palette,
    condition_kind,
    control_image,
    mask_image,
)

LABELS = torch.arange(19).view(1, 1, 19).repeat(1, 2, 1)
MASK = torch.nn.functional.one_hot(LABELS, 19).permute(0, 3, 1, 2).float()


def test_celebamask_colours():
    picture = mask_image(MASK, "celebamask")
    assert picture.shape == (1, 3, 2, 19)
    for k, colour in enumerate(PALETTE):
        torch.testing.assert_close(picture[0, :, 0, k] * 255, torch.tensor(colour).float())


def test_ade20k_knows_persons_alone():
    picture = (mask_image(MASK, "ade20k")[0, :, 0] * 255).round()
    assert picture[:, 0].tolist() == [120, 120, 120]
    assert (picture[:, 1:] == torch.tensor([[150.0], [5], [61]])).all()


def test_masks_are_resized_without_mixing():
    picture = control_image(Condition(("",), MASK), "mask", 19, "one-hot", (4, 38))
    assert set(picture.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(picture.argmax(1), LABELS.repeat_interleave(2, 1).repeat_interleave(2, 2))


def test_thin_strokes_survive_a_smaller_size():
    scribble = torch.zeros(1, 1, 64, 64)
    scribble[..., 31] = 1
    picture = control_image(Condition(("",), scribble=scribble), "scribble", 3, "one-hot", (16, 16))
    assert picture.shape == (1, 3, 16, 16) and picture.max() > 0.1 and picture.max() <= 1


def test_kinds_and_palettes_follow_the_channels():
    assert [
        condition_kind(19, None),
        condition_kind(1, None),
        condition_kind(3, None),
        condition_kind(3, "scribble"),
    ] == [
        "mask",
        "scribble",
        "mask",
        "scribble",
    ]
    assert [choose_palette(19, None), choose_palette(3, None), choose_palette(3, "ade20k")] == [
        "one-hot",
        "celebamask",
        "ade20k",
    ]
    with pytest.raises(UsageError, match="takes 1 conditioning channel"):
        condition_kind(1, "mask")
    with pytest.raises(UsageError, match="'rainbow' is unknown"):
        choose_palette(3, "rainbow")
    with pytest.raises(UsageError, match="does not fit"):
        choose_palette(19, "celebamask")
