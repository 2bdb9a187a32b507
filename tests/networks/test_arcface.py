"""ArcFace: the published numbers of IR-SE50 and of pSp's loss, the margin, ONNX for insightface."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from golden_files import golden
from network_golden import by_recipe

from gantoolkit.networks.arcface import IR_SE50, PSP_CROP, ArcFace, angular_margin, irse50


def check(out: dict, network: ArcFace, pixels: torch.Tensor):
    body = network.body(network.input_layer(pixels))
    raw = network.output_layer(body)
    unit = torch.nn.functional.normalize(raw, dim=1)
    for name, value in dict(
        body=body, pre_norm=raw, embedding=unit, cosine_matrix=unit @ unit.T
    ).items():
        torch.testing.assert_close(value, out[f"out.{name}"], atol=1e-4, rtol=0)


@pytest.mark.golden
@torch.no_grad()
def test_narrow_backbone(golden_dir):
    meta, t = golden(golden_dir, "irse_backbone_narrow")
    network = ArcFace(
        112, tuple(zip(meta["channels"], meta["units"])), meta["embedding_dim"]
    ).eval()
    network.load_state_dict({k[6:]: v for k, v in t.items() if k.startswith("state.")})
    check(t, network, t["in.image_u8"] / 127.5 - 1)


@pytest.mark.golden
@torch.no_grad()
def test_full_irse50(golden_dir):
    meta, t = golden(golden_dir, "irse50_full_recipe")
    network = by_recipe(irse50(), **meta["recipe_args"])
    assert {k: list(v.shape) for k, v in network.state_dict().items()} == meta["state_shapes"]
    check(t, network, t["in.image_u8"] / 127.5 - 1)


@pytest.mark.golden
@torch.no_grad()
def test_psp_identity_loss(golden_dir):
    meta, t = golden(golden_dir, "psp_id_loss")
    network = by_recipe(irse50(), **meta["recipe_args"])
    found = {k: network.embed(t[f"in.{k}_u8"] / 127.5 - 1) for k in ("y_hat", "y", "x")}
    for name, value in found.items():
        torch.testing.assert_close(value, t[f"out.feats_{name}"], atol=1e-4, rtol=0)
    to_target = (found["y_hat"] * found["y"]).sum(1)
    torch.testing.assert_close(to_target, t["out.log.diff_target"], atol=1e-4, rtol=0)
    torch.testing.assert_close((1 - to_target).mean(), t["out.loss"].squeeze(), atol=1e-4, rtol=0)


def test_crop_of_psp():
    network = ArcFace(112, ((4, 1), (4, 1)), 8, PSP_CROP)
    x = torch.arange(256.0).view(1, 1, 1, 256).expand(1, 3, 256, 256)
    seen = network.prepare(x)
    assert seen.shape[-2:] == (112, 112) and IR_SE50[2] == (256, 14)
    assert 32 <= seen.min() < 34 and 217 < seen.max() <= 219  # columns 32 to 219


def test_margin_is_the_angle_plus_m():
    angle = torch.rand(5, 4, generator=torch.Generator().manual_seed(0)) * (math.pi - 0.4)
    labels = torch.tensor([0, 1, 2, 3, 0])
    wider = angle.clone()
    wider[torch.arange(5), labels] += 0.4
    torch.testing.assert_close(
        angular_margin(angle.cos(), labels, 10.0, 0.4), 10 * wider.cos(), atol=1e-3, rtol=1e-3
    )
    torch.testing.assert_close(
        angular_margin(angle.cos(), labels, 10.0, 0.0), 10 * angle.cos(), atol=1e-3, rtol=1e-3
    )
    falling = angular_margin(
        torch.linspace(-1, 1, 50)[:, None], torch.zeros(50, dtype=torch.int64)
    ).flatten()
    assert (falling.diff() > 0).all()


@pytest.mark.parametrize("size,input_size", [(32, 112), (112, 112)])
def test_insightface_scores_with_the_export(tmp_path, size, input_size):
    insightface = pytest.importorskip("insightface.model_zoo")
    from gantoolkit.networks.onnx import export_onnx

    torch.manual_seed(1)
    network = ArcFace(size, ((8, 1), (8, 1), (12, 1)), 16).eval()
    file = export_onnx(network, tmp_path / "arcface.onnx", input_size)
    recognizer = insightface.get_model(str(file), providers=["CPUExecutionProvider"])
    assert type(recognizer).__name__ == "ArcFaceONNX" and recognizer.input_size == (
        input_size,
        input_size,
    )
    bgr = [
        np.random.default_rng(n).integers(0, 256, (input_size, input_size, 3), np.uint8)
        for n in range(2)
    ]
    theirs = recognizer.compute_sim(*recognizer.get_feat(bgr))
    rgb = (
        torch.from_numpy(np.stack([x[..., ::-1] for x in bgr])).permute(0, 3, 1, 2).float() / 127.5
        - 1
    )
    if size != input_size:
        rgb = torch.nn.functional.interpolate(
            rgb, (size, size), mode="bilinear", align_corners=False
        )
    with torch.no_grad():
        a, b = network.embed(rgb)
    assert theirs == pytest.approx(float(a @ b), abs=1e-4)
