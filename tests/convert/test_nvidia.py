"""NVIDIA's pickles: the genuine ones, and honest ones written in their form for every option."""

from __future__ import annotations

import math
import os

import nvidia_pickle as write
import pytest
import torch
from golden_files import close, golden

import gantoolkit
from gantoolkit import convert
from gantoolkit.convert import eg3d, unpickle
from gantoolkit.convert.pickled_network import flatten_network
from gantoolkit.core.camera import FFHQ_LEVEL, orbit_camera
from gantoolkit.core.errors import WeightsError
from gantoolkit.generators import build_generator, load_state
from gantoolkit.generators.eg3d import EG3D
from gantoolkit.generators.stylegan2 import StyleGAN2
from gantoolkit.inference import cameras
from gantoolkit.registry.registry import get


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GANTOOLKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    yield
    assert not os.path.exists("executed"), "source text of a pickle was executed"


@pytest.mark.golden
@torch.no_grad()
def test_genuine_stylegan2(golden_dir):
    _, t = golden(golden_dir, "nvpkl_sg2_tiny_torch171_proto3_expected")
    path = golden_dir / "nvpkl_sg2_tiny_torch171_proto3_nosrc.pkl"
    found = {
        name: flatten_network(stub)
        for name, stub in unpickle.read(path).items()
        if isinstance(stub, unpickle.Stub)
    }
    states = {key: value for key, value in t.items() if key.startswith("state.")}
    for key, value in states.items():
        _, network, name = key.split(".", 2)
        assert torch.equal(found[network].tensors[name], value), key
    for name in ("G", "D", "G_ema"):
        assert found[name].tensors.keys() == {
            k.split(".", 2)[2] for k in states if k.startswith(f"state.{name}.")
        }
    parts = {part.name: part for part in convert.read_parts(path)}
    g = gantoolkit.load_generator(path)
    ws = g.mapping(t["in.z"], t["in.c"], truncation_psi=0.7)
    close(ws, t["out.ws_psi07"])
    close(g.render(ws).image, t["out.image"])
    raw = built(parts["raw"])
    close(raw.render(raw.mapping(t["in.z"], t["in.c"])).image, t["out.image_from_G"])
    close(built(parts["discriminator"])(t["out.image"], t["in.c"]), t["out.d_logits"])


@pytest.mark.golden
@torch.no_grad()
def test_genuine_eg3d(golden_dir):
    _, t = golden(golden_dir, "nvpkl_eg3d_tiny_torch111_expected")
    path = golden_dir / "nvpkl_eg3d_tiny_torch111_nosrc.pkl"
    g = gantoolkit.load_generator(path)
    assert (g.num_ws, g.w_dim, g.resolution, tuple(g.mean_w.shape)) == (14, 512, 128, (512,))
    ws = g.mapping(t["in.z"], t["in.c_mapping"], truncation_psi=0.7, truncation_cutoff=14)
    close(ws, t["out.ws"])
    render = g.render(ws, t["in.c"], deterministic=True)
    close(render.image, t["out.image"])
    close(render.image_raw, t["out.image_raw"])
    close(render.depth, t["out.image_depth"])
    d = next(built(part) for part in convert.read_parts(path) if part.name == "discriminator")
    close(d(t["out.image"], t["in.c"], t["out.image_raw"]), t["out.d_logits"])


@pytest.mark.golden
@pytest.mark.parametrize("kind", ["inner_exec", "oob_stride", "outer_exec"])
def test_genuine_hostile_files_are_refused(golden_dir, kind):
    with pytest.raises(WeightsError, match="refused"):
        convert.read_parts(golden_dir / f"evilpkl_{kind}.pkl")
    assert not os.path.exists("/tmp/golden_pwned")


@pytest.mark.golden
def test_genuine_source_is_not_executed(golden_dir):
    parts = convert.read_parts(golden_dir / "evilpkl_source_side_effect.pkl")
    assert all(part.state and not part.arch for part in parts)
    assert not os.path.exists("/tmp/golden_pwned")


def built(part):
    kind = "generator" if part.arch["type"] in ("StyleGAN2", "EG3D") else "network"
    module = (
        build_generator(part.arch)
        if kind == "generator"
        else get(kind, part.arch["type"])(**{k: v for k, v in part.arch.items() if k != "type"})
    )
    load_state(module, part.state)
    return module.eval()


def scrambled(module):
    """The module with every tensor drawn anew, so that nothing stays at 0 or 1."""
    random = torch.Generator().manual_seed(3)
    for value in (
        *module.parameters(),
        *(b for n, b in module.named_buffers() if not n.endswith("filter")),
    ):
        value.data = torch.randn(value.shape, generator=random) * 0.5
    return module.eval()


FLAT = dict(z_dim=6, w_dim=8, resolution=16, channels=(8, 6, 4), mapping_layers=2)


@pytest.mark.parametrize(
    "options, protocol, ordered",
    [
        (dict(), 2, True),
        (dict(c_dim=5, mapping_layers=8), 3, True),
        (dict(architecture="resnet"), 4, False),
        (dict(architecture="orig", conv_clamp=256), 4, True),
        (dict(mapping_lr_mul=0.1, mapping_features=12), 4, False),
        (dict(conv_clamp=0.5), 5, False),
    ],
    ids=str,
)
@torch.no_grad()
def test_honest_stylegan2(tmp_path, options, protocol, ordered):
    ours = scrambled(StyleGAN2(**{**FLAT, **options}))
    with write.writing():
        content = write.dump({"G_ema": write.graph(ours, ordered)}, protocol)
    (tmp_path / "g.pkl").write_bytes(content)
    theirs = gantoolkit.load_generator(tmp_path / "g.pkl")
    z, c = torch.randn(2, 6), torch.randn(2, 5) if "c_dim" in options else None
    ws = ours.mapping(z, c, 0.6)
    torch.testing.assert_close(theirs.mapping(z, c, 0.6), ws)
    torch.testing.assert_close(theirs.render(ws).image, ours.render(ws).image)
    assert theirs.mapping.num_layers == ours.mapping.num_layers


AXES = [[[1, 0, 0], [0, 1, 0], [0, 0, 1]], [[1, 0, 0], [0, 0, 1], [0, 1, 0]]]


@pytest.mark.parametrize(
    "variant, size, axes",
    [
        ("2X", 32, "eg3d"),
        ("4X", 32, "fixed"),
        ("8X", 64, "eg3d"),
        ("8XDC", 64, "fixed"),
        ("Deepfp32", 32, "eg3d"),
    ],
)
@torch.no_grad()
def test_honest_eg3d(tmp_path, variant, size, axes):
    name = variant.replace("Deepfp32", "deep")
    ours = scrambled(
        EG3D(
            z_dim=6,
            w_dim=8,
            resolution=size,
            channels=(8, 8, 6),
            plane_resolution=16,
            plane_channels=4,
            plane_axes=axes,
            decoder_hidden=10,
            decoder_channels=7,
            decoder_lr_mul=0.5,
            rays=8,
            samples=5,
            importance=4,
            box_warp=1.6,
            white_back=True,
            superresolution=name,
            sr_input=16,
            sr_channels=(6, 4),
            sr_clamp=None if name == "deep" else 256,
            sr_antialias=variant != "4X",
            c_scale=0.5,
        )
    )
    third = torch.tensor([*AXES, eg3d.THIRD_PLANE[axes]], dtype=torch.float32)
    with write.writing():
        top = write.with_renderer(write.graph(ours, extra=write.eg3d_extra(ours, variant)), third)
        (tmp_path / "g.pkl").write_bytes(write.dump({"G_ema": top}, 3))
    theirs = gantoolkit.load_generator(tmp_path / "g.pkl")
    ws, camera = ours.mapping(torch.randn(1, 6), torch.randn(1, 25)), orbit_camera(0.2, 0.1)
    for mine, other in zip(
        *(vars(g.render(ws, camera, deterministic=True)).values() for g in (ours, theirs)),
        strict=True,
    ):
        if isinstance(mine, torch.Tensor):
            torch.testing.assert_close(other, mine)
    z, c = torch.randn(2, 6), torch.randn(2, 25)
    torch.testing.assert_close(theirs.mapping(z, c), ours.mapping(z, c))
    assert theirs.plane_axes == axes


SMALL = dict(
    z_dim=6,
    w_dim=8,
    resolution=32,
    channels=(8, 8, 6),
    plane_resolution=16,
    plane_channels=4,
    superresolution="2X",
    sr_input=16,
    sr_channels=(6, 4),
)


@pytest.mark.parametrize(
    "pivot, radius, focal, level",
    [
        ((0, 0, 0.2), 2.7, 4.2647, FFHQ_LEVEL),  # FFHQ
        ((0, 0, -0.06), 2.7, 4.2647, 0),  # AFHQ cats
        ((0, 0, 0), 1.7, 1 / (math.tan(math.radians(45 / 2)) * 1.414), 0),
    ],
)  # ShapeNet cars: EG3D's --fov-deg=45
@torch.no_grad()
def test_cameras_of_other_data_sets(tmp_path, pivot, radius, focal, level):
    """Views of a file stand where EG3D's LookAtPoseSampler puts them for its pivot and radius."""
    with write.writing():
        ours = scrambled(EG3D(**SMALL, mapping_lr_mul=1.0))
        extra = write.eg3d_extra(ours, "2X")
        extra[""]["rendering_kwargs"].update(avg_camera_pivot=list(pivot), avg_camera_radius=radius)
        (tmp_path / "g.pkl").write_bytes(write.dump({"G_ema": write.graph(ours, extra=extra)}))
    g = gantoolkit.load_generator(tmp_path / "g.pkl")
    base = cameras.camera_from("frontal", None, None, g.frame)
    assert (
        float(base.intrinsics[0, 0, 0]) == pytest.approx(focal, abs=1e-4) and g.frame.level == level
    )
    yaws = (0, -cameras.SIDE_YAW, cameras.SIDE_YAW)
    for camera, yaw in zip(cameras.side_views(base, 3, g.frame), yaws):
        h, v = math.pi / 2 + yaw, math.pi / 2 + level
        phi = math.acos(1 - 2 * v / math.pi)
        origin = radius * torch.tensor(
            [
                math.sin(phi) * math.cos(math.pi - h),
                math.cos(phi),
                math.sin(phi) * math.sin(math.pi - h),
            ]
        )
        torch.testing.assert_close(camera.cam2world[0, :3, 3], origin, atol=1e-5, rtol=0)
        towards = torch.tensor(pivot, dtype=torch.float32) - origin
        torch.testing.assert_close(
            camera.cam2world[0, :3, 2], towards / towards.norm(), atol=1e-5, rtol=0
        )
        assert torch.equal(camera.intrinsics, base.intrinsics)
    front = [
        1,
        0,
        0,
        0,
        0,
        -1,
        0,
        0,
        0,
        0,
        -1,
        radius,
        0,
        0,
        0,
        1,
        focal,
        0,
        0.5,
        0,
        focal,
        0.5,
        0,
        0,
        1,
    ]
    z = torch.randn(2, 6)
    torch.testing.assert_close(
        g.mapping(z), g.mapping(z, torch.tensor([front] * 2)), atol=1e-4, rtol=1e-4
    )
    assert (g.mapping(z) - g.mapping(z, torch.zeros(2, 25))).abs().max() > 1e-3


def test_views_and_noiseless_layers(tmp_path):
    """Permuted strides (channels-last fp16 layers of real files) and layers without noise."""
    g = StyleGAN2(**FLAT)
    layer = g.synthesis.b8.conv1
    layer.weight.data = layer.weight.data.to(memory_format=torch.channels_last).half()
    with write.writing():
        top = write.graph(g)
        state = (
            top.meta["state"]["_modules"]["synthesis"]
            .meta["state"]["_modules"]["b16"]
            .meta["state"]
        )
        conv = state["_modules"]["conv1"].meta["state"]
        del conv["_parameters"]["noise_strength"], conv["_buffers"]["noise_const"]
        (tmp_path / "g.pkl").write_bytes(write.dump({"G_ema": top}))
    theirs = gantoolkit.load_generator(tmp_path / "g.pkl")
    assert torch.equal(theirs.synthesis.b8.conv1.weight, layer.weight.float())
    assert theirs.synthesis.b16.conv1.noise_strength == 0


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda extra: extra[""]["rendering_kwargs"].update(clamp_mode="relu"), "softplus"),
        (lambda extra: extra[""]["rendering_kwargs"].pop("ray_end"), "ray_end"),
        (lambda extra: extra.update(variant="16X"), "SuperresolutionHybrid16X"),
    ],
)
def test_what_cannot_be_built_is_said(tmp_path, change, words):
    g = EG3D(**SMALL)
    with write.writing():
        extra = write.eg3d_extra(g, "2X")
        change(extra)
        (tmp_path / "g.pkl").write_bytes(write.dump({"G_ema": write.graph(g, extra=extra)}))
    with pytest.raises(WeightsError, match=words):
        convert.read_parts(tmp_path / "g.pkl")


def test_other_filters_and_activations_are_refused(tmp_path):
    g = StyleGAN2(**FLAT)
    g.synthesis.b8.resample_filter = torch.ones(4, 4) / 16
    with write.writing():
        (tmp_path / "g.pkl").write_bytes(write.dump({"G_ema": write.graph(g)}))
        (tmp_path / "h.pkl").write_bytes(
            write.dump(
                {
                    "G_ema": write.graph(
                        StyleGAN2(**FLAT), extra={"synthesis.b8.conv0": {"activation": "swish"}}
                    )
                }
            )
        )
    for name, words in (("g", "1-3-3-1"), ("h", "swish")):
        with pytest.raises(WeightsError, match=words):
            convert.read_parts(tmp_path / f"{name}.pkl")
