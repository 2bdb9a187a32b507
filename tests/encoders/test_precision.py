"""Where bf16 is computed in bfloat16, and that elsewhere it is float32."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest
import torch
from tiny import condition, parts

from gantoolkit.core import precision
from gantoolkit.encoders.controlnet import ControlNetEncoder

CPUINFO = Path("/proc/cpuinfo")


@pytest.mark.skipif(
    platform.machine() != "x86_64" or not CPUINFO.is_file(),
    reason="reads Linux's list of x86 flags",
)
def test_a_processor_without_wide_vectors_computes_no_bfloat16():
    flags = next(line for line in CPUINFO.read_text().splitlines() if line.startswith("flags"))
    if not {"avx512bw", "avx512vl", "avx512dq"} & set(flags.split()):
        assert not precision.computes_bf16("cpu")
    if "avx512_bf16" in flags.split():
        assert precision.computes_bf16("cpu")


@pytest.mark.parametrize("offload", [False, True])
def test_an_encoder_works_in_what_its_device_computes(monkeypatch, offload):
    """The CPU has none here, the meta device has: the choice follows the move."""
    monkeypatch.setattr(precision, "computes_bf16", lambda device_type: device_type == "meta")
    encoder = ControlNetEncoder(parts(), steps=2, precision="bf16", offload=offload)
    assert encoder.dtype == torch.float32
    exact = ControlNetEncoder(parts(), steps=2)
    latents = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    found, wanted = (one.features(latents, 500, condition(2)).h for one in (encoder, exact))
    assert torch.equal(found, wanted)
    encoder.to("meta")
    assert encoder.dtype == torch.bfloat16
    with encoder.on_device("unet", "controlnets"):
        kinds = {parameter.dtype for parameter in encoder.unet.parameters()}
        assert kinds == {torch.bfloat16} and encoder.unet.device.type == "meta"


def test_training_computes_in_float32_without_bfloat16(monkeypatch):
    for computes in (True, False):
        monkeypatch.setattr(precision, "computes_bf16", lambda device_type, answer=computes: answer)
        with precision.autocast("bf16", "cpu"):
            product = torch.ones(2, 2) @ torch.ones(2, 2)
        assert product.dtype == (torch.bfloat16 if computes else torch.float32)
    with precision.autocast("fp32", "cpu"):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
