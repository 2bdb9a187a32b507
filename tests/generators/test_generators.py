"""StyleGAN2 and EG3D: interface, gradients, determinism, weights files."""

from __future__ import annotations

import pytest
import torch

from gantoolkit import weights
from gantoolkit.convert.rosinality import from_rosinality, to_rosinality
from gantoolkit.core.camera import orbit_camera
from gantoolkit.core.errors import WeightsError
from gantoolkit.core.types import Latent
from gantoolkit.generators import load_generator, load_state
from gantoolkit.generators.eg3d import EG3D
from gantoolkit.generators.inversion import invert
from gantoolkit.generators.stylegan2 import StyleGAN2

FLAT = dict(z_dim=12, w_dim=16, resolution=32, channel_base=256, channel_max=16, mapping_layers=2)
SOLID = dict(
    z_dim=12,
    w_dim=16,
    resolution=32,
    c_dim=0,
    channel_base=256,
    channel_max=16,
    plane_resolution=16,
    plane_channels=6,
    decoder_hidden=12,
    decoder_channels=8,
    rays=16,
    samples=6,
    importance=5,
    superresolution="2X",
    sr_input=16,
    sr_channels=(8, 8),
    sr_clamp=None,
)


def make(kind: str, **more):
    torch.manual_seed(0)
    generator = StyleGAN2(**{**FLAT, **more}) if kind == "flat" else EG3D(**{**SOLID, **more})
    for p in generator.parameters():
        if p.ndim == 0:
            p.data.fill_(0.3)  # noise strengths
    return generator.eval().requires_grad_(False)


def codes(generator, batch: int = 2):
    torch.manual_seed(1)
    return torch.randn(batch, generator.num_ws, generator.w_dim), orbit_camera(
        [0.2, -0.3][:batch], 0.1
    )


@pytest.mark.parametrize("kind", ["flat", "solid"])
def test_shapes_and_gradients_to_ws(kind):
    g = make(kind)
    ws, camera = codes(g)
    ws.requires_grad_()
    render = g(Latent(ws), camera)
    assert render.image.shape == (2, 3, g.resolution, g.resolution)
    render.image.square().mean().backward()
    assert (ws.grad.abs().sum((0, 2)) > 0).all(), "every code matters"
    assert all(p.grad is None for p in g.parameters())
    assert g.mapping(torch.randn(3, g.z_dim)).shape == (3, g.num_ws, g.w_dim)
    assert g.mean_w.shape == (g.w_dim,)


@pytest.mark.parametrize("kind", ["flat", "solid"])
def test_samples_do_not_depend_on_their_batch(kind):
    g = make(kind)
    ws, camera = codes(g)
    both, one = (g.render(ws[:n], camera[:n], deterministic=True).image for n in (2, 1))
    torch.testing.assert_close(both[:1], one, atol=1e-5, rtol=1e-4)


def test_noise_modes():
    g = make("flat")
    ws, _ = codes(g)
    const, none = g.render(ws).image, g.render(ws, noise="none").image
    assert torch.equal(const, g.render(ws).image) and not torch.equal(const, none)
    draws = [
        g.render(ws, noise="random", generator=torch.Generator().manual_seed(s)).image
        for s in (5, 5, 6)
    ]
    assert torch.equal(draws[0], draws[1]) and not torch.equal(draws[0], draws[2])
    assert torch.equal(g.render(ws, noise="random", deterministic=True).image, const)
    layers = [torch.zeros(2, 1, 4 << (i + 1) // 2, 4 << (i + 1) // 2) for i in range(7)]
    torch.testing.assert_close(g.render(ws, noise=layers).image, none)
    with pytest.raises(ValueError, match="expected one of"):
        g.render(ws, noise="loud")


def test_truncation_pulls_towards_the_mean():
    g = make("flat")
    g.mapping.w_avg.normal_()
    z = torch.randn(2, 12)
    full, near = g.mapping(z), g.mapping(z, truncation_psi=0.25, truncation_cutoff=3)
    torch.testing.assert_close(near[:, :3] - g.mean_w, 0.25 * (full[:, :3] - g.mean_w))
    assert torch.equal(near[:, 3:], full[:, 3:])


def test_eg3d_randomness_and_determinism():
    g = make("solid")
    ws, camera = codes(g)
    fixed = g.render(ws, camera, deterministic=True)
    assert torch.equal(fixed.image, g.render(ws, camera.label, deterministic=True).image)
    a, b, c = (
        g.render(ws, camera, generator=torch.Generator().manual_seed(s)).image for s in (1, 1, 2)
    )
    assert torch.equal(a, b) and not torch.equal(a, c)
    with pytest.raises(ValueError, match="needs a camera"):
        g.render(ws)


@pytest.mark.parametrize("chunk", [7, 100])
def test_eg3d_in_chunks_is_the_same(chunk):
    g = make("solid")
    ws, camera = codes(g)
    whole, parts = (g.render(ws, camera, deterministic=True, chunk=c) for c in (None, chunk))
    for name in ("image", "image_raw", "depth"):
        torch.testing.assert_close(getattr(parts, name), getattr(whole, name), atol=1e-4, rtol=1e-4)


def test_chunks_bound_what_the_backward_pass_keeps():
    """Equal gradients from fewer bytes; also inside a sample that is made again as a whole."""
    from torch.utils.checkpoint import checkpoint

    from gantoolkit.planning.peak_memory import PeakMemoryTracker

    g = make("solid", rays=24, samples=8, importance=8)
    ws, camera = codes(g, 1)
    peaks, gradients = {}, {}
    for chunk in (None, 72):
        for nested in (False, True):
            leaf = ws.clone().requires_grad_()

            def image(leaf, chunk=chunk):
                return g.render(leaf, camera, deterministic=True, chunk=chunk).image

            with PeakMemoryTracker() as ledger:
                drawn = checkpoint(image, leaf, use_reentrant=False) if nested else image(leaf)
                drawn.square().mean().backward()
            peaks[chunk, nested], gradients[chunk, nested] = ledger.peak, leaf.grad
    assert peaks[72, False] < 0.6 * peaks[None, False] and peaks[72, True] < 0.6 * peaks[None, True]
    for gradient in gradients.values():
        torch.testing.assert_close(gradient, gradients[None, False], atol=1e-6, rtol=1e-4)


def test_eg3d_planes_serve_several_cameras():
    g = make("solid")
    ws, camera = codes(g)
    planes = g.planes(ws)
    torch.testing.assert_close(
        g.render_planes(planes, ws, camera, deterministic=True).image,
        g.render(ws, camera, deterministic=True).image,
    )
    more_rays = g.render(ws, camera, deterministic=True, rays=24)
    assert more_rays.image_raw.shape[-1] == 24 and more_rays.image.shape[-1] == 32


def test_eg3d_limits_from_the_box():
    g = make("solid", ray_start="auto", ray_end="auto")
    ws, camera = codes(g)
    depth = g.render(ws, camera, deterministic=True).depth
    assert depth.min() > 1.5 and depth.max() < 4


@pytest.mark.parametrize("kind", ["flat", "solid"])
def test_autocast_is_close(kind):
    g = make(kind)
    ws, camera = codes(g)
    exact = g.render(ws, camera, deterministic=True).image
    with torch.autocast("cpu", torch.bfloat16):
        rough = g.render(ws, camera, deterministic=True).image
    assert (rough.float() - exact).abs().mean() < 0.03 * exact.abs().mean() + 0.01


@pytest.mark.parametrize(
    "kind, config", [("flat", {"type": "StyleGAN2", **FLAT}), ("solid", {"type": "EG3D", **SOLID})]
)
def test_weights_file_holds_its_architecture(kind, config, tmp_path):
    g = make(kind)
    loaded = load_generator(weights.save(tmp_path / "g.safetensors", g.state_dict(), config))
    ws, camera = codes(g)
    assert torch.equal(
        loaded.render(ws, camera, deterministic=True).image,
        g.render(ws, camera, deterministic=True).image,
    )
    assert not loaded.training and not any(p.requires_grad for p in loaded.parameters())


def test_weights_that_do_not_fit():
    g = make("flat")
    state = g.state_dict()
    load_state(g, {**state, "synthesis.resample_filter": torch.ones(4, 4)})
    with pytest.raises(WeightsError, match="lacks mapping.w_avg"):
        load_state(g, {k: v for k, v in state.items() if k != "mapping.w_avg"})
    with pytest.raises(WeightsError, match="another shape"):
        load_state(g, {**state, "synthesis.b4.const": torch.ones(2, 4, 4)})


def test_rosinality_there_and_back():
    g = make("flat", channel_base=512, channel_max=24)
    state, arch = from_rosinality(*to_rosinality(g.state_dict()))
    again = StyleGAN2(**{k: v for k, v in arch.items() if k != "type"})
    load_state(again, state)
    ws, _ = codes(g)
    assert torch.equal(again.render(ws).image, g.render(ws).image)


@pytest.mark.parametrize("kind", ["flat", "solid"])
def test_inversion_finds_its_own_render(kind):
    g = make(kind)
    ws, camera = codes(g, 1)
    target = g.render(ws, camera, deterministic=True).image
    start = g.render(g.mean_w.expand_as(ws), camera, deterministic=True).image
    found = g.render(invert(g, target, camera, steps=60, lr=0.1), camera, deterministic=True).image
    assert (found - target).square().mean() < 0.2 * (start - target).square().mean()
