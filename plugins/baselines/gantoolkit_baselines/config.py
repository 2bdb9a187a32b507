"""Keys of the configs of the tasks `code_encoder`, `collaborative` and `mm2latent`."""

from __future__ import annotations

from dataclasses import dataclass

from gantoolkit.tasks.diffusion.config import DenoisingConfig


@dataclass(frozen=True, kw_only=True)
class CodeEncodingConfig:
    """All keys of the task `code_encoder`."""

    data: str  # zip of faces
    generator: str  # weights name or file; frozen
    losses: dict  # name → a component of kind `loss`, {"type": …, "weight": …}: pSp's terms
    val: str | None = None  # zip of held-out faces; None holds out the end of `data`
    held_out: int = 64  # rows at the end of `data` for scores only, where there is no `val`
    # codes that the mask gives, a photo gives the others (IDE-3D); None = the mask gives all
    # (TediGAN)
    geometry: int | None = None
    # weight of the classes that a 3D generator's planes are read for; needs `geometry`
    semantics: float = 0.0
    # channels of the encoder after each halving; the last repeats
    widths: tuple[int, ...] = (32, 64, 128, 192)
    lr: float = 1e-3  # learning rate
    betas: tuple[float, float] = (0.9, 0.99)  # of Adam


@dataclass(frozen=True, kw_only=True)
class CollaborativeConfig(DenoisingConfig):
    """All keys of the task `collaborative`."""

    diffusion: str = "diffusion"  # folder or name of the diffusion model
    controlnet: str = "controlnet-mask"  # folder or name of the ControlNet for masks
    width: int = 48  # channels inside a dynamic diffuser
    min_snr: float | None = None  # γ of the loss's weight clamp(SNR, κ, γ)/SNR; None = no bound
    truncated_snr: float | None = None  # κ of that weight; None = no bound


@dataclass(frozen=True, kw_only=True)
class MM2LatentConfig:
    """All keys of the task `mm2latent`."""

    data: str  # zip of faces: the autoencoder learns masks; only scores read photos and captions
    generator: str  # weights name or file of a StyleGAN2; frozen
    towers: str  # folder of the text and image towers; frozen
    parser: str = "parser"  # weights name or file of what labels the generator's faces; frozen
    val: str | None = None  # zip of held-out faces; None holds out the end of `data`
    held_out: int = 64  # rows at the end of `data` for scores only, where there is no `val`
    autoencoder_fraction: float = 0.25  # of the iterations; the others train the mapping
    embedding: int = 256  # numbers that a mask is embedded as
    width: int = 512  # of the mapping network
    layers: int = 4  # of the mapping network, without the last
    # channels of the mask's encoder after each halving; the last repeats
    widths: tuple[int, ...] = (32, 64, 128, 192)
    noise: float = 0.5  # length of what is added to an image's embedding, which has length 1
    code: float = 1.0  # weight of the distance of codes
    pixels: float = 1.0  # weight of the distance of pixels
    similarity: float = 1.0  # weight of 1 − cosine of the image tower's embeddings
    lr: float = 1e-3  # learning rate
