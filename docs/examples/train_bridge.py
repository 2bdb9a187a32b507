"""The method of the paper in one file: train a bridge in plain PyTorch, then draw faces.

    z_t, I^d_0             one denoising run of a frozen diffusion model with a ControlNet
    h, f, a = E(z_t)       its mid-block features, up-block features and cross-attention
    w^m = M(h)             mapping network, section 3.2
    w^γ, w^β = T(f, a)     attention-based style modulation, section 3.3 (Eq. 3)
    w = w^m ⊙ w^γ + w^β    Eq. 4
    I' = G(w)              Eq. 5: a frozen StyleGAN2 or EG3D

    L_M = λ0‖I^gt − G(w^m)‖² + λ1·LPIPS(I^gt, G(w^m)) + λ2·ID(I^gt, G(w^m)) + λ3‖w^m − w̄‖    Eq. 6
    L_T = λ0‖I^d_0 − G(w)‖² + λ1·LPIPS(I^d_0, G(w)) + λ2·ID(I^gt, G(w)) + λ3‖w − w̄‖          Eq. 7

Networks and faces are the small ones that come with the package. 100 iterations take about two
minutes on two CPU cores: faces begin to differ in hair and shape. `gantoolkit run` trains 1200.

    python docs/examples/train_bridge.py --iterations 100 --out faces.png
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
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
LR = dict(M=4e-3, T=5e-4)


def main(arguments: list[str] | None = None) -> None:
    args = parse(arguments)
    torch.manual_seed(args.seed)

    # Frozen: encoder E and generator G. Trained: the bridge, M and T.
    encoder = ControlNetEncoder("diffusion", "controlnet-mask", steps=10, guidance=3.0)
    generator = load_generator(args.generator)
    codes = generator.num_ws, generator.w_dim, generator.mean_w
    bridge = AbSM(encoder.shapes, *codes, mapping=dict(width=384, normalize=True))

    trajectories = denoise(encoder, FaceZip("bridge-train"), args.samples)
    iterations_of_m = round(MAPPING_FRACTION * args.iterations)
    train("M", encoder, bridge, generator, trajectories, iterations_of_m, args.batch)
    iterations_of_t = args.iterations - iterations_of_m
    train("T", encoder, bridge, generator, trajectories, iterations_of_t, args.batch)

    draw(Pipeline(encoder, bridge, generator), FaceZip("val"), args.out)
    print(f"wrote {args.out}")


class Trajectories(NamedTuple):
    """E is frozen, so z_t of all steps and I^d_0 are computed once per sample."""

    data: FaceZip
    z: Tensor  # [N,S,4,h,w]
    x0: Tensor  # I^d_0 [N,3,R,R]


def denoise(encoder, data: FaceZip, samples: int) -> Trajectories:
    """Run the diffusion model from noise for the first samples of `data`."""
    z, x0 = [], []
    for rows in torch.arange(samples).split(16):
        z_of_rows, x0_of_rows = encoder.trajectory(data.sample(rows, seed=0).condition)
        z.append(z_of_rows)
        x0.append(x0_of_rows)
    return Trajectories(data, torch.cat(z), torch.cat(x0))


def train(phase, encoder, bridge, generator, trajectories, iterations, batch):
    """Train M (phase "M", Eq. 6) or T (phase "T", Eq. 7)."""
    of_phase = dict(M=bridge.mapping_parameters, T=bridge.modulation_parameters)
    parameters = list(of_phase[phase]())
    optimizer = Adam(parameters, LR[phase], betas=(0.9, 0.99))
    lr_scheduler = CosineAnnealingLR(optimizer, max(1, iterations))
    l2, lpips, identity, latent_norm = L2(), Perceptual("parser"), Identity("arcface"), LatentNorm()
    timesteps = torch.as_tensor(encoder.timesteps)
    bridge.train()

    for iteration in range(iterations):
        rows = torch.randint(len(trajectories.z), (batch,))
        steps = torch.randint(len(timesteps), (batch,))  # uniform: multi-step training, section 3.4
        sample = trajectories.data.sample(rows, seed=0)
        z_t = trajectories.z[rows, steps]
        features = encoder.features(z_t, timesteps[steps], sample.condition)  # h, f, a

        image_gt = sample.target.image_gt
        w = w_m = bridge.mapping(features).ws
        target = image_gt
        if phase == "T":
            w_gamma, w_beta = bridge.modulation(features)  # Eq. 3
            w = w_m.detach() * w_gamma + w_beta  # Eq. 4
            target = trajectories.x0[rows]
        camera = sample.condition.camera  # None in 2D
        image = generator.render(w, camera, noise="const", deterministic=True).image  # Eq. 5

        loss = (  # Eq. 6 or Eq. 7; λ is the `weight` of a loss
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
    masks = [pictures.condition_picture(condition) for condition in sample.condition]
    photos = [pictures.image_picture(image) for image in sample.target.image_gt]
    results = [pictures.image_picture(image) for image in faces]
    pictures.save(pictures.grid([masks, photos, results]), path)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train a bridge and draw faces.")
    parser.add_argument("--iterations", type=int, default=100)
    parser.add_argument("--samples", type=int, default=128, help="of training")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--generator", default="stylegan2", help="stylegan2 or eg3d")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("faces.png"))
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
