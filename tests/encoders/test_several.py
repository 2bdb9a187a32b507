"""Several ControlNets at once, none at all, and a feature pyramid of the condition alone."""

from __future__ import annotations

import pytest
import torch
from reference_unet import read
from tiny import condition, parts, write

from gantoolkit.bridges.absm import AbSM
from gantoolkit.core.errors import UsageError, WeightsError
from gantoolkit.core.types import Condition
from gantoolkit.encoders.conditioning import guess_kind
from gantoolkit.encoders.controlnet import ControlNetEncoder
from gantoolkit.encoders.diffusion import DiffusionEncoder
from gantoolkit.encoders.diffusion_model import DiffusionModel
from gantoolkit.encoders.folders import save_component
from gantoolkit.encoders.pyramid import PyramidEncoder


@pytest.fixture(scope="module")
def both():
    """Parts with a mask and a scribble ControlNet beside one U-Net."""
    mask, scribble = parts(19), parts(1)
    return DiffusionModel(
        mask.unet,
        [mask.controlnet, scribble.controlnet],
        mask.vae,
        mask.text_encoder,
        mask.tokenizer,
        mask.scheduler,
    )


@pytest.fixture(scope="module")
def seen() -> Condition:
    mask, scribble = condition(2), condition(2, 1)
    return Condition(mask.text, mask.mask, scribble.scribble, seed=mask.seed)


def test_residuals_of_several_are_added(both, seen):
    """By hand: diffusers' U-Net with the sums of both ControlNets' residuals, each at its scale."""
    encoder = ControlNetEncoder(both, steps=2, conditioning_scale=[1.0, 0.3])
    assert encoder.condition == "both" and [c.kind for c in encoder.controlnets] == [
        "mask",
        "scribble",
    ]
    z, t = (
        torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0)),
        torch.tensor([500, 500]),
    )
    embedding = encoder.text_encoder(seen.text).embedding
    with torch.no_grad():
        first = both.controlnet[0](z, t, embedding, controlnet_cond=seen.mask, return_dict=False)
        second = both.controlnet[1](
            z, t, embedding, controlnet_cond=seen.scribble, return_dict=False
        )
        down = [a + 0.3 * b for a, b in zip(first[0], second[0])]
        wanted = read(
            both.unet,
            z,
            t,
            embedding,
            down_block_additional_residuals=down,
            mid_block_additional_residual=first[1] + 0.3 * second[1],
        )
    h, f = wanted.h, wanted.f["attention"]
    found = encoder.features(z, t, seen)
    for ours, theirs in ((found.h, h), (found.f[-1], f[-1])):
        largest = float(theirs.abs().max())
        torch.testing.assert_close(ours, theirs, atol=1e-5 * largest, rtol=0)
    alone = ControlNetEncoder(
        DiffusionModel(
            both.unet,
            both.controlnet[0],
            both.vae,
            both.text_encoder,
            both.tokenizer,
            both.scheduler,
        ),
        steps=2,
    ).features(z, t, seen)
    assert (alone.h - h).abs().max() > 1e-2
    with pytest.raises(UsageError, match="the condition has none"):
        encoder.features(z, t, condition(2))
    with pytest.raises(UsageError, match="conditioning_scale lists 3 values for 2 ControlNets"):
        ControlNetEncoder(both, conditioning_scale=[1, 2, 3])


def test_from_folders_by_name(tmp_path, both, seen):
    write(
        tmp_path,
        DiffusionModel(
            both.unet,
            both.controlnet[0],
            both.vae,
            both.text_encoder,
            both.tokenizer,
            both.scheduler,
        ),
    )
    save_component(both.controlnet[1], tmp_path, "control_scribble", half=False)
    names = [str(tmp_path / "controlnet"), str(tmp_path / "control_scribble")]
    encoder = ControlNetEncoder(str(tmp_path / "diffusion"), names, steps=2)
    z = torch.randn(2, 4, 8, 8)
    torch.testing.assert_close(
        encoder.features(z, 500, seen).h, ControlNetEncoder(both, steps=2).features(z, 500, seen).h
    )
    other = parts(19)
    other.unet.register_to_config(cross_attention_dim=17)
    from gantoolkit.encoders import diffusion_model

    with pytest.raises(UsageError, match="does not fit the U-Net"):
        diffusion_model.check_controlnet_fits("sdxl", both.controlnet[0], "sd15", other.unet)


@pytest.mark.parametrize(
    "name, kind",
    [
        ("lllyasviel/sd-controlnet-seg", "mask"),
        ("lllyasviel/sd-controlnet-scribble", "scribble"),
        ("control_v11p_sd15_seg", "mask"),
        ("control_v11p_sd15_scribble", "scribble"),
        ("runs/controlnet_mask/export/controlnet", "mask"),
        ("control_v11f1p_sd15_depth", None),
        ("cached/control_v11f1p_sd15_depth", None),
        ("finished/mine", None),
        ("sketched/scribbles/mine", None),
        ("masks/segments/controlnet", None),
        ("unmasked", None),
        ("scribble/runs/controlnet_mask/", "mask"),
        ("/data/hed/ControlNet-SEG.v2", "mask"),
        ("cached/t2i-HED", "scribble"),
    ],
)
def test_published_names_say_what_they_are_shown(name, kind):
    assert guess_kind(name) == kind


def test_without_a_controlnet_the_condition_does_not_matter(both):
    encoder = DiffusionEncoder(both, steps=2)
    one, two = condition(2), condition(2, seeds=[7, 8])
    blank = Condition(two.text, torch.zeros_like(two.mask), seed=two.seed)
    assert (
        torch.equal(encoder.trajectory(one)[0], encoder.trajectory(blank)[0])
        and encoder.condition == "none"
    )
    shown = ControlNetEncoder(
        DiffusionModel(
            both.unet,
            both.controlnet[0],
            both.vae,
            both.text_encoder,
            both.tokenizer,
            both.scheduler,
        ),
        steps=2,
    )
    assert (shown.trajectory(one)[0] - encoder.trajectory(one)[0]).abs().max() > 1e-3
    assert encoder.shapes == shown.shapes


def test_pyramid_drives_a_bridge():
    encoder = PyramidEncoder("resnet18", resolution=64)
    found = encoder.features(None, 0, condition(2))
    assert tuple(found.h.shape[1:]) == encoder.shapes.h == (512, 2, 2)
    assert (
        tuple(tuple(f.shape[1:]) for f in found.f)
        == encoder.shapes.f
        == ((512, 2, 2), (256, 4, 4), (128, 8, 8))
    )
    bridge = AbSM(encoder.shapes, 4, 8, torch.zeros(8), width=8)
    torch.nn.init.normal_(bridge.styles["beta"].blocks[0].linear.weight)
    w = bridge(found).ws
    other = Condition(("another prompt", ""), condition(2).mask)
    assert w.shape == (2, 4, 8) and torch.equal(
        bridge(encoder.features(None, 0, other)).ws, w
    )  # deaf to text
    blank = Condition(("", ""), torch.zeros_like(other.mask))
    assert not torch.equal(bridge(encoder.features(None, 0, blank)).ws, w)
    (step,) = encoder.trace(condition(2))
    assert step.x0.shape == (2, 3, 64, 64) and encoder.timesteps == (0,)
    with pytest.raises(UsageError, match="no feature pyramid 'resnet9000'"):
        PyramidEncoder("resnet9000")


def test_pyramid_weights_come_from_a_file(tmp_path):
    from gantoolkit import weights

    first = PyramidEncoder("resnet18", resolution=64, seed=1)
    assert torch.equal(
        first.features(None, 0, condition(2)).h,
        PyramidEncoder(resolution=64, seed=1).features(None, 0, condition(2)).h,
    )  # a random one is the same wherever its spec is read
    weights.save(tmp_path / "p.safetensors", first.network.state_dict(), {"type": "timm"})
    again = PyramidEncoder("resnet18", str(tmp_path / "p.safetensors"), resolution=64)
    assert torch.equal(
        first.features(None, 0, condition(2)).h, again.features(None, 0, condition(2)).h
    )
    import timm
    from safetensors.torch import save_file

    torch.manual_seed(1)
    model = timm.create_model(
        "resnet18", pretrained=False
    )  # a file as the Hub has it: with a classifier, without ours
    save_file(model.state_dict(), tmp_path / "hub.safetensors", metadata={"format": "pt"})
    hub = PyramidEncoder("resnet18", str(tmp_path / "hub.safetensors"), resolution=64)
    assert torch.equal(hub.network.layer4[1].conv2.weight, model.layer4[1].conv2.weight)
    weights.save(
        tmp_path / "q.safetensors", {"conv1.weight": first.network.conv1.weight}, {"type": "timm"}
    )
    with pytest.raises(WeightsError, match="lacks"):
        PyramidEncoder("resnet18", str(tmp_path / "q.safetensors"))
