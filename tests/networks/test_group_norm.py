"""Group normalization on CPUs is as exact as torch's, in every layout and precision."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gantoolkit.networks.cpu.group_norm import group_norm, group_norm_silu


@pytest.mark.parametrize("groups", [1, 2, 8])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_bf16_is_rounded_once_and_fp32_is_torchs(groups, dtype):
    """Against the definition in float64; 48 channels in 1 or 2 groups are wide, in 8 narrow."""
    torch.manual_seed(0)
    norm = nn.GroupNorm(groups, 48)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    norm = norm.to(dtype)
    x = (3 * torch.randn(2, 48, 5, 4) + 1).to(dtype).contiguous(memory_format=torch.channels_last)
    grouped = x.double().reshape(2, groups, -1)
    centered = grouped - grouped.mean(-1, keepdim=True)
    scaled = centered / (centered.square().mean(-1, keepdim=True) + norm.eps).sqrt()
    expected = scaled.view(x.shape) * norm.weight.double().view(-1, 1, 1)
    expected = expected + norm.bias.double().view(-1, 1, 1)
    with torch.no_grad():
        found, activated = group_norm(x, norm), group_norm_silu(x, norm)
    tolerance = 1e-5 if found.dtype == torch.float32 else 0.02
    torch.testing.assert_close(found.double(), expected, atol=tolerance, rtol=tolerance)
    assert (found.dtype == torch.float32) == (dtype == torch.float32 or groups == 8)
    assert activated.dtype == dtype
    assert activated.is_contiguous(memory_format=torch.channels_last)
    near = 1e-5 if dtype == torch.float32 else 0.02
    torch.testing.assert_close(activated.double(), F.silu(expected), atol=near, rtol=near)
