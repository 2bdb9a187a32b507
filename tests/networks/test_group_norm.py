"""Group normalization on CPUs is as exact as torch's, in every layout and precision."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gantoolkit.networks.cpu.group_norm import (
    ChannelsLastGroupNorm,
    GroupNormFunction,
    group_norm,
    group_norm_silu,
    train_in_channels_last,
)


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


@pytest.mark.parametrize(
    ("channels", "groups", "size"), [(6, 2, (3, 4)), (4, 4, (4, 8)), (3, 1, (1, 5))]
)
def test_gradients_are_those_of_finite_differences(channels, groups, size):
    torch.manual_seed(0)
    x = torch.randn(2, channels, *size, dtype=torch.float64)
    x = x.contiguous(memory_format=torch.channels_last).requires_grad_(True)
    weight = torch.randn(channels, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(channels, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda *inputs: GroupNormFunction.apply(*inputs, groups, 1e-5), (x, weight, bias)
    )


def test_a_network_in_training_learns_as_with_torchs_own_norm():
    torch.manual_seed(0)
    norm = nn.GroupNorm(8, 32)
    nn.init.normal_(norm.weight)
    ours = train_in_channels_last(nn.Sequential(nn.GroupNorm(8, 32)))
    ours[0].load_state_dict(norm.state_dict())
    assert type(ours[0]) is ChannelsLastGroupNorm

    x, dy = 2 * torch.randn(4, 32, 16, 16) + 1, torch.randn(4, 32, 16, 16)
    exact = x.clone().requires_grad_(True)
    norm(exact).backward(dy)
    rounded = x.bfloat16().contiguous(memory_format=torch.channels_last).requires_grad_(True)
    y = ours(rounded)
    y.backward(dy.bfloat16())
    assert "GroupNormFunction" in type(y.grad_fn).__name__
    assert rounded.grad.is_contiguous(memory_format=torch.channels_last)
    for found, expected in (
        (rounded.grad.float(), exact.grad),
        (ours[0].weight.grad, norm.weight.grad),
        (ours[0].bias.grad, norm.bias.grad),
    ):
        assert (found - expected).norm() < 0.01 * expected.norm()


@pytest.mark.parametrize("shape", [(2, 8, 4, 4), (2, 8, 12)])
def test_other_layouts_and_precisions_are_torchs(shape):
    norm = train_in_channels_last(nn.GroupNorm(2, 8))
    x = torch.randn(shape)
    assert torch.equal(norm(x), F.group_norm(x, 2, norm.weight, norm.bias, norm.eps))
