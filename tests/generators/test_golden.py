"""Parity with the published implementations, on vectors that their own code made.

Set GANTOOLKIT_GOLDEN to the folder of the vectors (default: ../shared/golden beside the checkout).
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from golden_files import golden
from torch import Tensor

from gantoolkit.convert.rosinality import from_rosinality, to_rosinality
from gantoolkit.core import camera
from gantoolkit.core.types import Camera
from gantoolkit.generators import load_state, volume
from gantoolkit.generators.eg3d import EG3D
from gantoolkit.generators.osg_decoder import OSGDecoder
from gantoolkit.generators.ray_tracer import Rays, RayTracer
from gantoolkit.generators.stylegan2 import StyleGAN2
from gantoolkit.networks import modulated_conv, ops
from gantoolkit.networks.discriminators import Discriminator, DualDiscriminator

GOLDEN = Path(
    os.environ.get("GANTOOLKIT_GOLDEN", Path(__file__).parents[2].parent / "shared" / "golden")
)
pytestmark = pytest.mark.golden


class Vectors:
    """One golden file: `state`, `inputs`, `out`, and what the official code was told (`meta`)."""

    def __init__(self, name: str):
        path = GOLDEN / f"{name}.safetensors"
        if not path.exists():
            pytest.skip(f"no golden vectors at {path}; set GANTOOLKIT_GOLDEN to their folder")
        self.meta, tensors = golden(GOLDEN, name)
        self.state, self.inputs, self.out = (
            {k.removeprefix(p): v for k, v in tensors.items() if k.startswith(p)}
            for p in ("state.", "in.", "out.")
        )

    def cases(self):
        """(name, meta, inputs) of every sub-case of an operation's file."""
        for name, meta in self.meta["subcases"].items():
            yield (
                name,
                meta,
                {
                    k.removeprefix(name + "."): v
                    for k, v in self.inputs.items()
                    if k.startswith(name + ".")
                },
            )

    def agree(self, key: str, value: Tensor, tolerance: float = 1e-4) -> None:
        """max |difference| ≤ tolerance · max(1, max |expected|)."""
        expected = self.out[key]
        assert value.shape == expected.shape, key
        error = (value - expected).abs().max().item()
        assert error <= tolerance * max(1.0, expected.abs().max().item()), f"{key}: {error:.2e}"


@pytest.fixture(autouse=True)
def _no_grad():
    with torch.no_grad():
        yield


def test_upfirdn2d():
    v = Vectors("op_upfirdn2d")
    for name, meta, t in v.cases():
        function = getattr(ops, meta.get("op", "upfirdn2d"))
        if meta["f"] is not None:
            assert torch.equal(ops.setup_filter(meta["f"], **meta.get("setup", {})), t["f"])
        v.agree(f"{name}.y", function(t["x"], t.get("f"), **meta["args"]), 1e-5)


def test_doubling_is_upsample2d():
    v = Vectors("op_upfirdn2d")
    v.agree("c10_upsample2d.y", ops.upsample2d_bilinear(v.inputs["c10_upsample2d.x"]), 1e-5)


def test_bias_act():
    v = Vectors("op_bias_act")
    for name, meta, t in v.cases():
        v.agree(f"{name}.y", ops.bias_act(t["x"], t.get("b"), **meta["args"]), 1e-5)


def test_conv2d_resample():
    v = Vectors("op_conv2d_resample")
    for name, meta, t in v.cases():
        v.agree(f"{name}.y", ops.conv2d_resample(t["x"], t["w"], t.get("f"), **meta["args"]), 1e-5)


def test_modulated_conv2d():
    v = Vectors("op_modulated_conv2d")
    for name, meta, t in v.cases():
        args = {k: a for k, a in meta["args"].items() if k != "fused_modconv"}
        y = modulated_conv.modulated_conv2d(
            t["x"], t["weight"], t["styles"], noise=t.get("noise"), f=t.get("f"), **args
        )
        v.agree(f"{name}.y", y, 1e-5)


def stylegan2(meta: dict) -> StyleGAN2:
    init = dict(meta["init_kwargs"])
    synthesis = {k: x for k, x in init.pop("synthesis_kwargs").items() if k != "num_fp16_res"}
    return StyleGAN2(
        resolution=init.pop("img_resolution"),
        mapping_layers=init.pop("mapping_kwargs").get("num_layers", 8),
        **init,
        **synthesis,
    )


@pytest.mark.parametrize(
    "name", ["sg2ada_g32_w64", "sg2ada_g32_c25", "sg2ada_g64_w512", "sg2ada_g16_resnet_optional"]
)
def test_stylegan2(name):
    v = Vectors(name)
    g = stylegan2(v.meta)
    load_state(g, v.state)
    z, c, ws = v.inputs["z"], v.inputs.get("c"), v.inputs["ws_plus"]
    v.agree("ws", g.mapping(z, c))
    v.agree("ws_psi07", g.mapping(z, c, truncation_psi=0.7))
    v.agree("ws_psi05_cutoff", g.mapping(z, c, truncation_psi=0.5, truncation_cutoff=4))
    v.agree("image_const", g.render(v.out["ws_psi07"]).image)
    v.agree("image_none", g.render(v.out["ws_psi07"], noise="none").image)
    v.agree("image_plus_const", g.render(ws).image)
    v.agree("image_plus_none", g.render(ws, noise="none").image)
    v.agree("image_full_call", g.render(g.mapping(z, c, truncation_psi=0.7)).image)
    for size, x, image in g.synthesis.blocks(ws):
        v.agree(f"b{size}.x", x)
        if image is not None:
            v.agree(f"b{size}.img", image)


@pytest.mark.parametrize("name", ["sg2ada_d32", "sg2ada_d64_c25", "sg2ada_d16_skip_optional"])
def test_discriminator(name):
    v = Vectors(name)
    init = dict(v.meta["init_kwargs"])
    layers = init.pop("mapping_kwargs", {"num_layers": 8})["num_layers"]
    d = Discriminator(init.pop("img_resolution"), mapping_layers=layers, **init)
    load_state(d, v.state)
    image, c = v.inputs["img"], v.inputs.get("c")
    v.agree("logits", d(image, c))
    v.agree("logits_first2", d(image[:2], None if c is None else c[:2]))
    for size, x in zip(d.resolutions, d.features(image), strict=True):
        v.agree(f"b{size}.x", x)
    if c is not None:
        v.agree("cmap", d.mapping(c))


def test_dual_discriminator():
    v = Vectors("eg3d_dualdisc_optional")
    init = {
        k: x
        for k, x in v.meta["init_kwargs"].items()
        if k in ("c_dim", "channel_base", "channel_max")
    }
    d = DualDiscriminator(v.meta["init_kwargs"]["img_resolution"], **init)
    load_state(d, v.state)
    v.agree("logits", d(v.inputs["image"], v.inputs["c"], v.inputs["image_raw"]))


def test_rosinality():
    v = Vectors("rosinality_g32")
    state, arch = from_rosinality(v.state, v.inputs["latent_avg"])
    g = StyleGAN2(**{k: x for k, x in arch.items() if k != "type"})
    load_state(g, state)
    z, w_plus = v.inputs["z"], v.inputs["w_plus"]
    ws = g.mapping(z)
    v.agree("w", ws[:, 0])
    v.agree("image_buffers", g.render(ws).image)
    v.agree("latents_trunc07", g.mapping(z, truncation_psi=0.7))
    v.agree("image_trunc07", g.render(g.mapping(z, truncation_psi=0.7)).image)
    mixed = ws.clone()
    mixed[:, v.meta["inject_index"] :] = g.mapping(v.inputs["z2"])[:, v.meta["inject_index"] :]
    v.agree("latents_mix", mixed)
    v.agree("image_mix", g.render(mixed).image)
    v.agree("image_wplus", g.render(w_plus).image)
    v.agree("image_wplus_zero_noise", g.render(w_plus, noise="none").image)
    noise = [v.inputs[f"noise_{i}"] for i in range(7)]
    v.agree("image_wplus_custom_noise", g.render(w_plus, noise=noise).image)
    back, latent_avg = to_rosinality(g.state_dict())
    assert torch.equal(latent_avg, v.inputs["latent_avg"])
    assert back.keys() == v.state.keys()
    for key, value in v.state.items():
        assert value.shape == back[key].shape, key
        assert torch.allclose(back[key], value, atol=1e-7), key


def test_camera_geometry():
    v = Vectors("eg3d_geometry")
    t = v.inputs
    yaw, pitch = t["yaw_pitch"].T
    v.agree("lookat.cam2world", camera.look_at(yaw, pitch, t["pivot"], t["radius"].item()), 1e-5)
    v.agree("gaussian.cam2world", camera.look_at(yaw, pitch, (0, 0, 0), t["radius"].item()), 1e-5)
    origins, directions = camera.sample_rays(Camera(t["rays.cam2world"], t["rays.intrinsics"]), 9)
    v.agree("rays.origins", origins, 1e-5)
    v.agree("rays.directions", directions, 1e-5)
    for side in ("0.3", "1.0", "2.0"):
        near, far = volume.box_limits(origins, directions, float(side))
        v.agree(f"box{side}.near", near, 1e-5)
        v.agree(f"box{side}.far", far, 1e-5)


def plane_by_plane(planes: Tensor, points: Tensor, box_warp: float = 1.0) -> Tensor:
    """What each plane gives [B,3,P,C], the others being zero."""
    alone = (planes * (torch.arange(3) == n)[:, None, None, None] for n in range(3))
    return torch.stack([3 * volume.TriPlanes(p, box_warp)(points) for p in alone], 1)


def test_volume_geometry():
    v = Vectors("eg3d_geometry")
    t = v.inputs
    for side in ("1", "1.6"):
        found = plane_by_plane(t["planes.features"], t["planes.coords"], float(side))
        v.agree(f"planes.sampled_boxwarp{side}", found, 1e-5)
    v.agree("strat.linear", volume.stratified_depths(2.25, 3.3, 6, t["strat.linear_jitter"]), 1e-5)
    disparity = volume.stratified_depths(2.25, 3.3, 6, t["strat.disparity_jitter"], True)
    v.agree("strat.disparity", disparity, 1e-5)
    limits = v.out["box2.0.near"], v.out["box2.0.far"]
    v.agree(
        "strat.tensor_limits", volume.stratified_depths(*limits, 6, t["strat.tensor_jitter"]), 1e-5
    )
    spread = torch.linspace(0, 1, 8).expand(6, 8)
    v.agree("pdf.det", volume.sample_pdf(t["pdf.bins"], t["pdf.weights"], spread), 1e-5)
    v.agree("pdf.rand", volume.sample_pdf(t["pdf.bins"], t["pdf.weights"], t["pdf.u"]), 1e-5)
    v.agree(
        "imp.depths_fine",
        volume.importance_depths(t["imp.depths"], t["imp.weights"], t["imp.u"]),
        1e-5,
    )


def test_marching():
    v = Vectors("eg3d_geometry")
    t = v.inputs
    samples = t["march.depths"], t["march.colors"], t["march.densities"]
    for white in (0, 1):
        rgb, depth, weights = volume.march(*samples, white_back=bool(white))
        v.agree(f"march.wb{white}.rgb", rgb, 1e-5)
        v.agree(f"march.wb{white}.depth", depth.clamp(samples[0].min(), samples[0].max()), 1e-5)
        v.agree(f"march.wb{white}.weights", weights, 1e-5)
    more = t["unify.depths2"], t["unify.densities2"]
    depths, densities, order = volume.merge_samples(samples[0], samples[2], *more)
    colors = torch.cat([samples[1], t["unify.colors2"]], 2)
    sorted_colors = colors.gather(2, order.expand_as(colors))
    for name, value in dict(depths=depths, colors=sorted_colors, densities=densities).items():
        v.agree(f"unify.{name}", value, 1e-5)
    rgb = volume.march(depths, colors, densities, order=order)[0]
    assert (rgb - volume.march(depths, sorted_colors, densities)[0]).abs().max() < 1e-5
    decoder = OSGDecoder(32, 32)
    load_state(decoder, {k.removeprefix("decoder."): x for k, x in v.state.items()})
    rgb, sigma = decoder(t["decoder.features"].mean(1))
    v.agree("decoder.rgb", rgb, 1e-5)
    v.agree("decoder.sigma", sigma, 1e-5)


def eg3d(v: Vectors) -> EG3D:
    init, r = v.meta["init_kwargs"], v.meta["init_kwargs"]["rendering_kwargs"]
    g = EG3D(
        z_dim=init["z_dim"],
        w_dim=init["w_dim"],
        resolution=init["img_resolution"],
        channel_base=init["channel_base"],
        channel_max=init["channel_max"],
        mapping_layers=init["mapping_kwargs"]["num_layers"],
        plane_resolution=v.meta["plane_resolution"],
        rays=v.meta["neural_rendering_resolution"],
        samples=r["depth_resolution"],
        importance=r["depth_resolution_importance"],
        ray_start=r["ray_start"],
        ray_end=r["ray_end"],
        box_warp=r["box_warp"],
        superresolution=r["superresolution_module"].split("Hybrid")[1],
        sr_clamp=256 if init["sr_num_fp16_res"] else None,
    )
    load_state(g, v.state)
    return g


@pytest.mark.parametrize("name", ["eg3d_stage_p64_sr2x", "eg3d_full_p256_sr8xdc"])
def test_eg3d(name):
    v = Vectors(name)
    g, t = eg3d(v), v.inputs
    ws, c, draws = t["ws"], t["c"], {"jitter": t["jitter_coarse"], "u": t["u_fine"]}
    v.agree("ws_map", g.mapping(t["z"], t["c_mapping"]))
    v.agree("ws_map_psi07_cutoff14", g.mapping(t["z"], t["c_mapping"], 0.7, 14))
    planes = g.planes(ws)
    flat = planes.flatten(1, 2)
    if "planes" in v.out:
        v.agree("planes", flat)
    else:
        stride = v.meta["planes_stride"]
        v.agree("planes_strided", flat[:, :, ::stride, ::stride])
    render = g.render(ws, c, **draws)
    v.agree("image", render.image)
    v.agree("image_raw", render.image_raw)
    v.agree("image_depth", render.depth)
    g.superresolution.forward = lambda features, ws: features[:, :3]  # its result is compared above
    fixed = g.render(ws, c, deterministic=True)
    v.agree("det.image_raw", fixed.image_raw)
    v.agree("det.image_depth", fixed.depth)
    rgb, sigma = g.query(planes, t["query_coords"])
    v.agree("query_rgb", rgb)
    v.agree("query_sigma", sigma)
    chunked = g.render(ws, c, chunk=100, **draws)
    assert (chunked.image_raw - render.image_raw).abs().max() < 1e-4
    assert (chunked.depth - render.depth).abs().max() < 1e-5


def test_eg3d_stages():
    v = Vectors("eg3d_stage_p64_sr2x")
    g, t = eg3d(v), v.inputs
    planes, camera25 = g.planes(t["ws"]), camera.as_camera(t["c"])
    origins, directions = camera.sample_rays(camera25, g.rays)
    depths = volume.stratified_depths(g.ray_start, g.ray_end, g.samples, t["jitter_coarse"])
    v.agree("ray_origins", origins)
    v.agree("ray_directions", directions)
    v.agree("depths_coarse", depths)
    points = (origins[:, :, None] + depths * directions[:, :, None]).flatten(1, 2)
    v.agree("coarse.coords", points)
    v.agree("coarse.plane_features", plane_by_plane(planes, points))
    rgb, sigma = g.query(planes, points)
    v.agree("coarse.rgb", rgb)
    v.agree("coarse.sigma", sigma)
    shape = (*depths.shape[:3], -1)
    colors, densities = rgb.reshape(shape), sigma.reshape(shape)
    composite, _, weights = volume.march(depths, colors, densities)
    v.agree("coarse.weights", weights)
    v.agree("coarse.composite_rgb", composite)
    fine = volume.importance_depths(depths, weights, t["u_fine"])
    v.agree("depths_fine", fine)
    tracer = RayTracer(g.decoder, g.box_warp, g.plane_axes, g.white_back)
    rays = Rays(origins, directions, depths, t["u_fine"])
    found, thickness = tracer.decode(volume.TriPlanes(planes), rays, fine)
    v.agree("fine.rgb", found.flatten(1, 2))
    depths, densities, order = volume.merge_samples(depths, densities, fine, thickness)
    colors = torch.cat([colors, found], 2)
    merged = depths, colors.gather(2, order.expand_as(colors)), densities
    for key, value in zip(("all_depths", "all_colors", "all_densities"), merged, strict=True):
        v.agree(key, value)
    rgb, depth, weights = volume.march(depths, colors, densities, order=order)
    v.agree("final.weights", weights)
    v.agree("feature_samples", rgb)
    v.agree("depth_samples", depth)
    v.agree("weight_total", weights.sum(2))
    v.agree("image", g.superresolution(v.out["feature_image"], t["ws"]))
