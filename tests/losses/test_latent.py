"""The code's norm against pSp's w-norm loss."""

import pytest
import torch
from safetensors.torch import load_file

from gantoolkit.losses.latent import LatentNorm


@pytest.mark.golden
def test_w_norm_of_psp(golden_dir):
    t = load_file(golden_dir / "psp_w_norm.safetensors")
    ws, average = t["in.latent"], t["in.latent_avg"]
    torch.testing.assert_close(LatentNorm()(ws, average)[None], t["out.w_norm_from_avg"])
    torch.testing.assert_close(LatentNorm()(ws, torch.zeros(512))[None], t["out.w_norm_plain"])
