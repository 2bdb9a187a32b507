"""Loading draws nothing: torch's random stream stays, and every number is the file's."""

import pytest
import tiny
import torch

from gantoolkit.encoders.diffusion_model import load_diffusion_model
from gantoolkit.weights import blank


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tiny.write(tmp_path_factory.mktemp("tiny"), tiny.parts())


def load(root):
    return load_diffusion_model(root / "diffusion", root / "controlnet")


def tensors(model) -> dict[str, torch.Tensor]:
    """All tensors of a model, the buffers that no file holds among them."""
    found = {}
    for name in ("unet", "vae", "text_encoder"):
        module = getattr(model, name)
        for key, value in [*module.named_parameters(), *module.named_buffers()]:
            found[f"{name}.{key}"] = value
    (controlnet,) = model.controlnets
    found |= {f"controlnet.{key}": value for key, value in controlnet.named_parameters()}
    return found


def test_the_random_stream_is_where_it_was(root):
    torch.manual_seed(3)
    expected = torch.randn(5)
    torch.manual_seed(3)
    load(root)
    assert torch.equal(torch.randn(5), expected)


def test_all_numbers_are_those_of_modules_that_draw_their_first_weights(root, monkeypatch):
    """Bit for bit, also where memory held something else before."""
    found = tensors(load(root))
    monkeypatch.setattr(blank, "_NoDraws", lambda: torch.no_grad())
    expected = tensors(load(root))
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert torch.equal(found[key], value), key
    assert any("position_ids" in key for key in found)


def test_nothing_is_drawn():
    with blank.without_first_weights():
        for draw in blank.DRAWS:
            values = torch.full((4, 4), 7.0)
            assert draw(values) is values
            assert (values == 7).all()
        assert (torch.nn.init.ones_(torch.zeros(3)) == 1).all()
        assert torch.arange(3).tolist() == [0, 1, 2]
        assert abs(torch.nn.init.trunc_normal_(torch.full((4, 4), 7.0))).max() <= 2
        layer = torch.nn.Linear(3, 2)
    assert layer.weight.requires_grad and layer.weight.shape == (2, 3)
    assert not torch.equal(torch.nn.Linear(3, 2).weight, torch.nn.Linear(3, 2).weight)
