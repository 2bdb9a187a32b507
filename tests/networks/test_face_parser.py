"""FaceParser: shapes at every size, and weights that travel through a file."""

from __future__ import annotations

import pytest
import torch

from gantoolkit import networks, weights
from gantoolkit.core.errors import WeightsError
from gantoolkit.networks.face_parser import FaceParser


@pytest.mark.parametrize("size", [32, 64, 48])
def test_logits_have_the_size_of_the_images(size):
    parser = FaceParser(32, (8, 12, 16)).eval()
    x = torch.rand(2, 3, size, size) * 2 - 1
    assert parser.logits(x).shape == (2, 19, size, size)
    assert [m.shape[-1] for m in parser.features(x)] == [32, 16, 8]


def test_travels_through_a_file(tmp_path):
    parser = FaceParser(32, (8, 12, 16)).eval()
    file = weights.save(
        tmp_path / "parser.safetensors", parser.state_dict(), parser.arch, half=True
    )
    loaded = networks.load(str(file))
    x = torch.rand(2, 3, 32, 32) * 2 - 1
    torch.testing.assert_close(loaded.logits(x), parser.logits(x), atol=5e-3, rtol=5e-3)
    assert not any(p.requires_grad for p in loaded.parameters()) and not loaded.training


def test_refuses_files_that_are_something_else(tmp_path):
    parser = FaceParser(32, (8, 12, 16))
    other = weights.save(tmp_path / "other.safetensors", parser.state_dict(), {"type": "Toaster"})
    with pytest.raises(WeightsError, match="Toaster"):
        networks.load(str(other))
    wrong = weights.save(
        tmp_path / "wrong.safetensors",
        parser.state_dict(),
        {"type": "FaceParser", "widths": [8, 12, 20]},
    )
    with pytest.raises(WeightsError, match="does not fit FaceParser"):
        networks.load(str(wrong))
