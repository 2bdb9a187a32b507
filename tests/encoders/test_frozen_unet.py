"""U-Nets and ControlNets of all families give diffusers' own numbers, and are read as by hooks."""

from __future__ import annotations

from contextlib import suppress
from copy import deepcopy

import pytest
import torch
from reference_unet import FAMILIES, networks, read
from torch.testing import assert_close

from gantoolkit.core.errors import WeightsError
from gantoolkit.encoders.frozen_unet import FrozenControlNet, FrozenUNet, Told
from gantoolkit.encoders.recorder import StopForward, UNetRecorder

TIMES = (990, 500, 10)


def near(found, expected, tolerance=1e-5):
    """Equal but for a part of the largest number."""
    assert_close(found, expected.float(), atol=tolerance * float(expected.abs().max()), rtol=0)


class Case:
    """Inputs of three rows; more of them for XL."""

    def __init__(self, family: str, size=(8, 8), **control):
        self.unet, self.controlnet = networks(family, **control)
        stream = torch.Generator().manual_seed(3)
        self.z = torch.randn(3, 4, *size, generator=stream)
        self.text = torch.randn(3, 7, 20, generator=stream)
        self.image = torch.rand(3, 3, 4 * size[0], 4 * size[1], generator=stream)
        self.told, self.more = Told(self.text), {}
        if family == "xl":
            pooled = torch.randn(3, 12, generator=stream)
            sizes = torch.tensor([[64.0, 64, 0, 0, 64, 64]] * 3)
            self.told = Told(self.text, pooled, sizes)
            self.more = {"added_cond_kwargs": {"text_embeds": pooled, "time_ids": sizes}}

    @torch.no_grad()
    def expected(self, t):
        """What diffusers gives at t."""
        more = dict(self.more)
        residuals = None
        if self.controlnet is not None:
            residuals = self.controlnet(
                self.z, t, self.text, self.image, return_dict=False, **self.more
            )
            more |= dict(
                down_block_additional_residuals=residuals[0],
                mid_block_additional_residual=residuals[1],
            )
        return read(self.unet, self.z, t, self.text, **more), residuals

    @torch.no_grad()
    def found(self, t, times=TIMES, **recording):
        """What is evaluated here: the prediction, the record, and the residuals."""
        unet, residuals = FrozenUNet(self.unet), None
        z = self.z.contiguous(memory_format=torch.channels_last)
        if self.controlnet is not None:
            controlnet = FrozenControlNet(self.controlnet)
            embedded = controlnet.embed(self.image)
            residuals = controlnet(z, t, controlnet.prepare(times, self.told), embedded)
        prepared, prediction = unet.prepare(times, self.told), None
        with UNetRecorder(unet, **recording) as recorder:
            with suppress(StopForward):
                prediction = unet(z, t, prepared, residuals)
            return prediction, recorder.read(), residuals


@pytest.mark.parametrize("tap", ["attention", "block"])
@pytest.mark.parametrize("family", FAMILIES)
def test_prediction_and_record_are_those_of_diffusers(family, tap):
    case = Case(family)
    expected, residuals = case.expected(500)
    prediction, (h, f, outputs, probabilities), found_residuals = case.found(500, tap=tap)
    near(prediction, expected.prediction)
    near(h, expected.h)
    assert len(f) == len(expected.f[tap]) == (3 if family == "distilled" else 2)
    for found, wanted in zip(
        (*f, *outputs, *probabilities),
        (*expected.f[tap], *expected.attn_out, *expected.attn_prob),
    ):
        near(found, wanted)
    if residuals is not None:
        for found, wanted in zip(
            (*found_residuals[0], found_residuals[1]), (*residuals[0], residuals[1])
        ):
            assert wanted.abs().max() > 1e-2
            near(found, wanted)


@pytest.mark.parametrize("family", ["sd1", "xl"])
def test_one_time_per_row(family):
    case, t = Case(family), torch.tensor([10, 500, 990])
    expected, _ = case.expected(t)
    prediction, record, _ = case.found(t, times=t)
    near(prediction, expected.prediction)
    near(record[0], expected.h)


@pytest.mark.parametrize("size", [(10, 6), (7, 5), (1, 3)])
def test_sizes_that_no_halving_fits(size):
    case = Case("sd1", size)
    prediction, *_ = case.found(500)
    near(prediction, case.expected(500)[0].prediction)


def test_order_of_channels_and_pooled_residuals():
    plain = Case("sd1").expected(500)[0].prediction
    for control in (
        dict(controlnet_conditioning_channel_order="bgr"),
        dict(global_pool_conditions=True),
    ):
        case = Case("sd1", **control)
        expected = case.expected(500)[0].prediction
        assert (expected - plain).abs().max() > 1e-3
        near(case.found(500)[0], expected)


def test_h_alone_and_a_part_of_the_rows():
    case = Case("sd1")
    _, whole, _ = case.found(500)
    prediction, alone, _ = case.found(500, only_h=True)
    assert prediction is None and torch.equal(alone[0], whole[0]) and alone[1:] == ((), (), ())
    _, part, _ = case.found(500, samples=slice(1, None))
    assert torch.equal(part[0], whole[0][1:])
    for some, all_rows in zip(part[1:], whole[1:]):
        assert all(torch.equal(a, b[1:]) for a, b in zip(some, all_rows))


@torch.no_grad()
def test_recording_changes_nothing_and_ends():
    case = Case("sd1")
    unet = FrozenUNet(case.unet)
    inputs = unet.prepare(TIMES, case.told)
    before = unet(case.z, 500, inputs)
    with pytest.raises(KeyError), UNetRecorder(unet) as recorder:
        near(unet(case.z, 500, inputs), before)
        raise KeyError
    assert unet.recorder is None and torch.equal(unet(case.z, 500, inputs), before)
    with pytest.raises(RuntimeError, match="no forward pass"):
        recorder.read()


def test_bf16_is_as_close_to_fp32_as_diffusers():
    case = Case("sd1")
    exact = case.expected(500)[0]
    case.unet, case.controlnet = case.unet.bfloat16(), case.controlnet.bfloat16()
    case.z, case.text, case.image = (x.bfloat16() for x in (case.z, case.text, case.image))
    case.told = Told(case.text)
    theirs = case.expected(500)[0]
    prediction, (h, _, _, probabilities), _ = case.found(500)
    for ours, other, truth in (
        (prediction, theirs.prediction, exact.prediction),
        (h, theirs.h, exact.h),
        (probabilities[-1], theirs.attn_prob[-1], exact.attn_prob[-1]),
    ):
        error = (ours.float() - truth).norm() / truth.norm()
        assert error < 1.3 * (other.float() - truth).norm() / truth.norm() + 1e-3 < 0.1


@torch.no_grad()
def test_changed_weights_are_seen():
    """Packed weights and what is prepared anew follow diffusers' modules, which own the weights."""
    case = Case("sd1")
    unet = FrozenUNet(case.unet)
    unet(case.z, 500, unet.prepare(TIMES, case.told))
    for parameter in case.unet.parameters():
        parameter.mul_(1.1)
    found = unet(case.z, 500, unet.prepare(TIMES, case.told))
    near(found, case.unet(case.z, 500, case.text).sample)
    copied = deepcopy(unet)
    near(copied(case.z, 500, copied.prepare(TIMES, case.told)), found)


@pytest.mark.parametrize(
    "setting, value",
    [
        ("resnet_time_scale_shift", "scale_shift"),
        ("class_embed_type", "timestep"),
        ("encoder_hid_dim_type", "text_proj"),
        ("down_block_types", ("SimpleCrossAttnDownBlock2D", "DownBlock2D")),
        ("mid_block_type", "UNetMidBlock2DSimpleCrossAttn"),
        ("cross_attention_norm", "layer_norm"),
        ("act_fn", "gelu"),
    ],
)
def test_other_networks_are_refused_in_a_sentence(setting, value):
    unet, _ = networks("sd1")
    unet.register_to_config(**{setting: value})
    named = value[0] if isinstance(value, tuple) else value
    with pytest.raises(WeightsError, match=f"UNet2DConditionModel has {setting}='{named}'"):
        FrozenUNet(unet)


def test_adapters_beside_the_weights_are_refused():
    unet, _ = networks("sd1")
    adapter = type("Linear", (torch.nn.Linear,), {"__module__": "peft.tuners.lora.layer"})
    unet.up_blocks[1].attentions[0].proj_in = adapter(32, 32)
    with pytest.raises(WeightsError, match="adapters of peft"):
        FrozenUNet(unet)
