"""Network M: the map2style block against pSp's, the start at the mean face, the switches."""

from dataclasses import replace

import pytest
import torch
from golden_files import golden

from gantoolkit.bridges.layers import resize
from gantoolkit.bridges.mapping import Mapping
from gantoolkit.core.types import Features, FeatureShapes
from gantoolkit.networks.map2style import EqualLinear, MapToStyle

SHAPES = FeatureShapes(h=(12, 4, 4), f=((12, 4, 4), (8, 8, 8)), tokens=7, steps=(900, 500, 100))


def features(batch=3, seed=0):
    g = torch.Generator().manual_seed(seed)
    f = tuple(torch.randn(batch, *s, generator=g) for s in SHAPES.f)
    out = tuple(torch.randn(batch, *s, generator=g) for s in SHAPES.f)
    prob = tuple(torch.rand(batch, 7, *s[1:], generator=g) for s in SHAPES.f)
    words = torch.zeros(batch, 7, dtype=torch.bool)
    words[:, 1:4] = True
    h = torch.randn(batch, *SHAPES.h, generator=g)
    return Features(h, f, out, prob, words, torch.full((batch,), 500))


@pytest.mark.golden
def test_map2style_equals_psp(golden_dir):
    meta, tensors = golden(golden_dir, "psp_map2style")
    for case in meta["cases"]:
        key = case["key"]
        block = MapToStyle(case["in_c"], case["spatial"], case["out_c"])
        prefix = f"state.{key}."
        block.load_state_dict(
            {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}
        )
        x = tensors[f"in.{key}.x"]
        torch.testing.assert_close(block.convs(x), tensors[f"out.{key}.convs"], atol=1e-5, rtol=0)
        torch.testing.assert_close(block(x), tensors[f"out.{key}.y"], atol=1e-5, rtol=0)


@pytest.mark.parametrize("size,convolutions", [(2, 1), (3, 2), (4, 2), (8, 3), (16, 4), (64, 6)])
def test_map2style_ends_at_one_pixel(size, convolutions):
    block = MapToStyle(3, size, 5, 6)
    assert len(block.convs) == 2 * convolutions
    assert block.convs(torch.randn(2, 3, size, size)).shape == (2, 5, 1, 1)
    assert block(torch.randn(2, 3, size, size)).shape == (2, 6)


def test_equal_linear_is_a_scaled_linear():
    layer, x = EqualLinear(9, 4), torch.randn(5, 9)
    torch.testing.assert_close(layer(x), x @ layer.weight.T / 3 + layer.bias)


@pytest.mark.parametrize(
    "switches", [{}, {"per_style": True}, {"stem": 2, "normalize": True}, {"pyramid": 5}]
)
def test_untrained_mapping_gives_the_mean(switches):
    mean_w = torch.randn(6)
    latent = Mapping(SHAPES, 5, 6, mean_w, width=16, **switches)(features())
    assert latent.ws.shape == (3, 5, 6)
    assert torch.equal(latent.ws, mean_w.expand(3, 5, 6))


def test_without_the_offset_it_gives_zero():
    assert not Mapping(SHAPES, 5, 6, torch.randn(6), add_mean=False)(features()).ws.any()


def test_per_style_has_one_block_per_code():
    shared, single = (
        Mapping(SHAPES, 5, 6, torch.zeros(6), width=16, per_style=p) for p in (False, True)
    )
    assert [len(m.styles.blocks) for m in (shared, single)] == [1, 5]
    assert shared.styles.blocks[0].linear.weight.shape == (30, 16)
    assert single.styles.blocks[0].linear.weight.shape == (6, 16)


def test_normalised_features_have_no_scale():
    """M of h and of 3·h + 1 agree, and gradients reach its layers."""
    bridge, seen = (
        Mapping(SHAPES, 5, 6, torch.zeros(6), width=16, stem=1, normalize=True),
        features(),
    )
    torch.nn.init.normal_(bridge.styles.blocks[0].linear.weight)
    codes = bridge.codes(seen)
    torch.testing.assert_close(
        bridge.codes(replace(seen, h=3 * seen.h + 1)), codes, atol=1e-4, rtol=1e-4
    )
    codes.square().sum().backward()
    assert all(p.grad.any() for p in bridge.parameters())


def test_a_pyramid_reads_every_level_and_no_scale():
    """Codes change with the directions of h and of each f^n, and not with their sizes and means."""
    bridge, seen = (
        Mapping(SHAPES, 5, 6, torch.zeros(6), width=16, normalize=True, pyramid=7),
        features(),
    )
    torch.nn.init.normal_(bridge.styles.blocks[0].linear.weight)
    h, f = seen.h.requires_grad_(), tuple(m.requires_grad_() for m in seen.f)
    codes = bridge.codes(seen)
    codes.square().sum().backward()
    assert all(m.grad.any() for m in (h, *f)) and all(p.grad.any() for p in bridge.parameters())
    scaled = replace(seen, h=3 * h + 1, f=tuple(2 * m - 1 for m in f))
    torch.testing.assert_close(bridge.codes(scaled), codes, atol=1e-4, rtol=1e-4)
    assert bridge.reads_f and not Mapping(SHAPES, 5, 6, torch.zeros(6)).reads_f


def test_full_scale_parameter_counts():
    """One trunk: 15.3 M (L = 18) or 14.3 M (L = 14); one block per style: 195.9 M or 152.3 M."""
    shapes = FeatureShapes((1280, 8, 8), ((1280, 16, 16),), 77)
    with torch.device("meta"):
        made = [
            Mapping(shapes, L, 512, torch.zeros(512), 512, per_style=s)
            for L, s in ((18, False), (14, False), (18, True), (14, True))
        ]
    counts = [sum(p.numel() for p in m.parameters()) for m in made]
    assert [round(c / 1e6, 1) for c in counts] == [15.3, 14.3, 195.9, 152.3]


def test_resize_averages_downwards_and_interpolates_upwards():
    x = torch.arange(16.0).view(1, 1, 4, 4)
    torch.testing.assert_close(resize(x, (2, 2)), torch.tensor([[[[2.5, 4.5], [10.5, 12.5]]]]))
    assert resize(x, (4, 4)) is x
    assert resize(torch.ones(1, 1, 2, 2), (8, 8)).eq(1).all()
