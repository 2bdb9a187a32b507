"""Encoders: text and a visual condition → Features at denoising steps.

They are frozen nn.Modules that offer:

    shapes          FeatureShapes of h and f, by which a bridge is built
    timesteps       the grid of S denoising steps, from noise (999) to image
    latent_shape    (C,h,w) of z_t; resolution: pixels per side of I^d_0; device: where they work
    condition       what a Condition must hold: 'mask', 'scribble', 'both' or 'none'
    trace(condition, steps=None, source='trajectory', x0=True, image=None) → Features, step by step;
                    the last has I^d_0 if `x0`; 'gt_noised' noises `image` [B,3,R,R], no sampling
    features(latents, t, condition, only_h=False) → what trace yields of z_t [B,C,h,w] at t ([B] or
                    one for all); with `only_h`, f and a may stay empty
    trajectory(condition, steps=None) → z_t of every step [B,S,C,h,w], I^d_0 [B,3,R,R] in −1..1

They may offer `generates` (False: there is no I^d_0, so that bridges train with targets='gt'),
`guidance` (its scale, printed beside scores) and `text_encoder` (tokenizer and token ids, for maps
of single words). Noise belongs to a sample's seed, so that a result does not depend on its batch.
Constructors take what a config says.

    controlnet  diffusion  sdxl          the encoders: U-Nets of Stable Diffusion
    pyramid                              a pyramid of the condition alone
    mmface  mmface_model                 MMFace-DiT as an encoder, and its networks
    sd3  flux  transformer               Stable Diffusion 3, FLUX.1, and what they share
    transformer_model  t5_text           their networks; prompts as T5 reads them
    base  denoiser                       what frozen denoising models share; what a family fills in
    fixed_inputs                         what is computed once for all steps
    conditioning  control_networks       what ControlNets are shown; ControlNets beside a U-Net
    text_encoder                         prompts as networks read them
    frozen_unet  unet_blocks  unet_attention  U-Nets and ControlNets, evaluated step after step
    unet_settings                        which of them are read
    recorder  joint_recorder             how h, f and a are read off a U-Net, a transformer
    schedules  sampling                  noise schedules; guidance, noise by a seed
    offload                              networks that wait in the CPU's memory
    folders  family  diffusion_model     components of diffusion models, of which families
    single_file  single_controlnet       the same in one file, as folders
    published  published_sdxl            published models by name
    published_transformers  published_mmface     the same of diffusion transformers
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gantoolkit.core.stages import Encoder


def load_encoder(spec: str | dict[str, Any], **options: Any) -> Encoder:
    """Load an encoder; what its folder holds tells its class.

    spec     folder or name of the weights, or the arguments of an encoder as a config has them
    options  further arguments, such as controlnet, steps and guidance

    >>> encoder = load_encoder("diffusion", controlnet="controlnet-mask", steps=2)
    >>> type(encoder).__name__, encoder.condition
    ('ControlNetEncoder', 'mask')
    """
    from gantoolkit.encoders.family import complete_spec
    from gantoolkit.registry import registry

    return registry.build("encoder", complete_spec(spec) | options)
