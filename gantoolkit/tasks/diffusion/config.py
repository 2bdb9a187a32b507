"""Keys of the configs of the tasks `vae`, `diffusion` and `controlnet`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class VAEConfig:
    """All keys of the task `vae`."""

    data: str  # zip of faces
    val: str | None = None  # zip of held-out faces for PSNR; None holds out the end of `data`
    held_out: int = 64  # rows at the end of `data` for scores only, where there is no `val`
    # channels per level; the downsampling factor is 2^(levels − 1)
    widths: tuple[int, ...] = (32, 48, 64)
    layers: int = 1  # residual blocks per level
    latent_channels: int = 4  # channels of the latents
    groups: int = 8  # of every group norm
    lr: float = 1e-3  # learning rate of AdamW
    # weight of the KL divergence per latent number: small, so that latents stay smooth but lose
    # little
    kl: float = 1e-3
    mse: float = 1.0  # weight of the squared error
    perceptual: dict | None = None  # d, a component of kind `loss` {"type": …, "weight": …}
    # iterations over which the weight of d rises from 0, because d misleads a network that draws
    # blurs
    ramp: int = 400
    ema: float = 0.998  # decay of the moving average that is scored and exported
    # folder (or name) whose autoencoder is trained further, whatever `widths` to `groups` say;
    # None = a new one
    init_from: str | None = None
    # modules of it that learn; None = all. With "decoder" and "post_quant_conv" only, latents stay
    # what they are, and diffusion models of them go on to work (as with Stable Diffusion's ft-MSE
    # decoders)
    train_only: list[str] | None = None


@dataclass(frozen=True, kw_only=True)
class DenoisingConfig:
    """What all trainings of denoisers of latents share."""

    data: str  # zip of faces
    val: str | None = None  # zip of held-out faces; None holds out the end of `data`
    held_out: int = 64  # rows at the end of `data` for scores only, where there is no `val`
    lr: float = 1e-3  # learning rate of AdamW
    cache: str | None = None  # folder for the encoded data sets; None = the run folder


@dataclass(frozen=True, kw_only=True)
class SampledConfig(DenoisingConfig):
    """What the tasks `diffusion`, `controlnet` and `dit` share: moving average and samples."""

    ema: float  # decay of the moving average that is scored and exported
    guidance: float = 3.0  # scale of classifier-free guidance for samples
    steps: int = 10  # denoising steps of samples


@dataclass(frozen=True, kw_only=True)
class EpsilonConfig(SampledConfig):
    """What the tasks `diffusion` and `controlnet` share besides: the weights of noise levels."""

    # γ of the loss's weight clamp(SNR, κ, γ)/SNR: little noise weighs less; None = no bound
    min_snr: float | None = 5.0
    # κ of that weight: much noise weighs more, where words and masks decide the composition;
    # None = no bound
    truncated_snr: float | None = None


@dataclass(frozen=True, kw_only=True)
class DiffusionConfig(EpsilonConfig):
    """All keys of the task `diffusion`."""

    vae: str  # folder (or name) that holds vae/
    text: str  # folder (or name) that holds text_encoder/ and tokenizer/
    # channels per level: all but the last have cross-attention, the first has no self-attention
    widths: tuple[int, ...] = (32, 64, 96, 96)
    layers: int = 1  # residual blocks per level
    heads: int = 2  # of every attention
    groups: int = 8  # of every group norm
    lr_text: float | None = None  # learning rate of the text encoder; None keeps it frozen
    # captions used per sample, from the first (later ones may say more); None = all
    max_captions: int | None = None
    # probability of an empty prompt in place of one of the sample's captions (classifier-free
    # guidance), in 0..1
    drop_prompt_prob: float = 0.12
    ema: float = 0.999  # decay of the moving average that is scored and exported
    # folder (or name) whose U-Net is trained further, whatever `widths` to `groups` say;
    # None = a new one
    init_from: str | None = None
    # a second zip that batches are taken from too, so that the U-Net does not forget it
    extra_data: str | None = None


@dataclass(frozen=True, kw_only=True)
class ControlNetConfig(EpsilonConfig):
    """All keys of the task `controlnet`."""

    # folder (or name) in Stable Diffusion's layout: unet/ vae/ text_encoder/ tokenizer/ scheduler/
    diffusion: str
    condition: str = "mask"  # "mask" or "scribble"
    # channels of the network that brings the condition to the latents' size, one halving per step;
    # None = 16, then 32
    widths: tuple[int, ...] | None = None
    # probability of an empty prompt, in 0..1; high, so that the condition is followed without words
    drop_prompt_prob: float = 0.3
    ema: float = 0.998  # decay of the moving average that is scored and exported
    # folder (or name) of a ControlNet to fine-tune; None = a copy of the U-Net's encoder
    init_from: str | None = None
    # how a mask is shown: "one-hot" (19 channels), "celebamask" or "ade20k" (RGB);
    # None = by the channels
    palette: str | None = None
    # compute the ControlNet's and the U-Net's activations again in the backward pass (gradient
    # checkpointing: less memory, more time)
    recompute: bool = False


@dataclass(frozen=True, kw_only=True)
class DiTConfig(SampledConfig):
    """All keys of the task `dit`."""

    vae: str  # folder (or name) that holds vae/
    text: str  # folder (or name) that holds text_encoder/ and tokenizer/
    hidden: int = 96  # width of a token
    depth: int = 6  # blocks
    heads: int = 4  # of every attention
    patch: int = 2  # side of the square of latent pixels that is one token
    # captions used per sample, from the first (later ones may say more); None = all
    max_captions: int | None = None
    # probability of an empty prompt in place of one of the sample's captions (classifier-free
    # guidance), in 0..1
    drop_prompt_prob: float = 0.12
    drop_condition_prob: float = 0.05  # probability of zeros in place of the condition's latent
    drop_pooled_prob: float = 0.05  # probability of the learned vector in place of the pooled text
    ema: float = 0.999  # decay of the moving average that is scored and exported
    # file (or name) of a transformer that is trained further, whatever `hidden` to `patch` say;
    # None = a new one
    init_from: str | None = None
