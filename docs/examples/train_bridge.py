"""The method of the paper in one file: train a bridge in plain PyTorch, then draw faces.

    z_t, I^d_0       one denoising run of a frozen diffusion model with a ControlNet
    h, f, a = E(z_t)       its mid-block features, up-block features and cross-attention
    w^m = M(h)             mapping network, section 3.2
    w^γ, w^β = T(f, a)     attention-based style modulation, section 3.3 (Eq. 3)
    w = w^m ⊙ w^γ + w^β    Eq. 4
    I' = G(w)              Eq. 5: a frozen StyleGAN2 or EG3D

    L_M = λ0‖I^gt − G(w^m)‖² + λ1·LPIPS(I^gt, G(w^m)) + λ2·ID(I^gt, G(w^m)) + λ3‖w^m − w̄‖    Eq. 6
    L_T = λ0‖I^d_0 − G(w)‖² + λ1·LPIPS(I^d_0, G(w)) + λ2·ID(I^gt, G(w)) + λ3‖w − w̄‖          Eq. 7

Networks and faces are the small ones that come with the package. 100 iterations take about three
minutes on two CPU cores, and the faces begin to follow their masks; `gantoolkit run` trains 1200.

    python docs/examples/train_bridge.py --iterations 100 --out faces.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch.optim import Adam
from torch.optim.lr_scheduler import CosineAnnealingLR

from gantoolkit.bridges.absm import AbSM
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.encoders.controlnet import ControlNetEncoder
from gantoolkit.generators import load_generator
from gantoolkit.losses.identity import Identity
from gantoolkit.losses.latent import LatentNorm
from gantoolkit.losses.perceptual import Perceptual
from gantoolkit.losses.pixel import L2
from gantoolkit.pipeline import Pipeline
from gantoolkit.report import pictures

MAPPING_FRACTION = 0.85  # of the iterations that train M; the others train T


def main(arguments: list[str] | None = None) -> None:
    args = parse(arguments)
    torch.manual_seed(args.seed)

    # Frozen: encoder E and generator G. Trained: the bridge, M and T.
    encoder = ControlNetEncoder("diffusion", "controlnet-mask", steps=10, guidance=3.0)
    generator = load_generator(args.generator)
    bridge = AbSM(
        encoder.shapes,
        generator.num_ws,
        generator.w_dim,
        generator.mean_w,
        mapping=dict(width=384, normalize=True),
    )

    # E is frozen, so z_t of all steps and I^d_0 are computed once.
    data = FaceZip("bridge-train")
    rows = torch.arange(min(args.samples, len(data)))
    print(f"denoising {len(rows)} samples")
    trajectories = [
        encoder.trajectory(data.sample(part, seed=0).condition) for part in rows.split(16)
    ]
    z, x0 = (torch.cat(tensors) for tensors in zip(*trajectories))  # [N,S,4,h,w], [N,3,R,R]

    iterations_m = round(MAPPING_FRACTION * args.iterations)
    iterations_t = args.iterations - iterations_m
    train(encoder, bridge, generator, data, z, x0, "M", iterations_m, args.batch, lr=4e-3)
    train(encoder, bridge, generator, data, z, x0, "T", iterations_t, args.batch, lr=5e-4)

    draw(Pipeline(encoder, bridge, generator), FaceZip("val"), args.out)
    print(f"wrote {args.out}")


def train(encoder, bridge, generator, data, z, x0, phase, iterations, batch, lr):
    """Train M (phase "M", Eq. 6) or T (phase "T", Eq. 7)."""
    if phase == "M":
        parameters = list(bridge.mapping_parameters())
    else:
        parameters = list(bridge.modulation_parameters())
    optimizer = Adam(parameters, lr, betas=(0.9, 0.99))
    lr_scheduler = CosineAnnealingLR(optimizer, max(1, iterations))

    l2, lpips, identity, latent_norm = L2(), Perceptual("parser"), Identity("arcface"), LatentNorm()
    timesteps = torch.as_tensor(encoder.timesteps)
    bridge.train()
    for iteration in range(iterations):
        rows = torch.randint(len(z), (batch,))
        steps = torch.randint(len(timesteps), (batch,))  # uniform: multi-step training, section 3.4
        sample = data.sample(rows, seed=0)
        image_gt = sample.target.image_gt

        features = encoder.features(z[rows, steps], timesteps[steps], sample.condition)  # h, f, a
        w_m = bridge.mapping(features).ws
        if phase == "M":
            w, target = w_m, image_gt
        else:
            w_gamma, w_beta = bridge.modulation(features)  # Eq. 3
            w, target = w_m.detach() * w_gamma + w_beta, x0[rows]  # Eq. 4
        render = generator.render(w, sample.condition.camera, noise="const", deterministic=True)
        image = render.image  # Eq. 5

        loss = (  # Eq. 6 or Eq. 7; a loss knows its λ as `weight`
            l2.weight * l2(image, target)
            + lpips.weight * lpips(image, lpips.prepare(target))
            + identity.weight * identity(image, identity.prepare(image_gt))
            + latent_norm.weight * latent_norm(w, generator.mean_w)
        )
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 5.0)
        optimizer.step()
        lr_scheduler.step()
        if iteration % 10 == 0:
            print(f"phase {phase}  iteration {iteration:4d}  loss {loss.item():.4f}")


@torch.no_grad()
def draw(pipeline: Pipeline, data: FaceZip, path: Path, count: int = 6) -> None:
    """Draw unseen faces: rows mask, I^gt, I' = G(w)."""
    sample = data.sample(torch.arange(count), seed=0)
    faces = pipeline(sample.condition).image
    masks = [pictures.mask_picture(mask) for mask in sample.condition.mask]
    photos = [pictures.image_picture(image) for image in sample.target.image_gt]
    results = [pictures.image_picture(image) for image in faces]
    pictures.save(pictures.grid([masks, photos, results]), path)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train a bridge and draw faces.")
    parser.add_argument("--iterations", type=int, default=100)
    parser.add_argument("--samples", type=int, default=128, help="training samples")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--generator", default="stylegan2", help="stylegan2 or eg3d")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("faces.png"))
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
