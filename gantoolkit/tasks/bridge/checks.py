"""What a bridge's encoder and generator must give; checked before anything is cached."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from gantoolkit.core.camera import frame_of
from gantoolkit.core.errors import UsageError
from gantoolkit.core.types import Latent
from gantoolkit.registry.contracts import check_members, complaint
from gantoolkit.tasks.bridge.config import BridgeConfig
from gantoolkit.tasks.bridge.renderer import Renderer


def check_encoder(encoder: nn.Module, config: BridgeConfig) -> None:
    """Refuse an encoder that lacks what training or the config asks of it."""
    check_members("encoder", encoder, training=True)
    _check_images(encoder, config)
    _check_condition(encoder, config)
    _check_steps(encoder, config)


def _check_images(encoder: nn.Module, config: BridgeConfig) -> None:
    """Refuse I^d_0 as a target where there is none."""
    targets, score_target = config.targets, config.score_target
    if (targets, score_target) != ("gt", "gt") and not getattr(encoder, "generates", True):
        raise UsageError(
            f"The encoder {config.encoder['type']} makes no image I^d_0, so targets='{targets}' "
            f"with score_target='{score_target}' cannot be; use 'gt' for both."
        )


def _check_condition(encoder: nn.Module, config: BridgeConfig) -> None:
    """Refuse a condition that the encoder is not shown."""
    expected = getattr(encoder, "condition", config.condition)
    if expected not in (config.condition, "none"):
        other = f"one for '{config.condition}'"
        if config.condition == "both":
            other = "a list of one for 'mask' and one for 'scribble'"
        raise UsageError(
            f"The encoder's ControlNets are shown '{expected}', but "
            f"condition='{config.condition}'; set condition='{expected}', or encoder.controlnet "
            f"to {other}."
        )


def _check_steps(encoder: nn.Module, config: BridgeConfig) -> None:
    """Refuse scores after more steps than there are."""
    total = len(encoder.timesteps)
    for steps in config.score_after_steps:
        if steps > total:
            raise UsageError(
                f"score_after_steps has {steps}, but the encoder takes {total} steps; choose "
                "fewer, or raise encoder.steps."
            )


def check_target_codes(
    terms: Mapping[str, nn.Module], generator: nn.Module, code_fraction: float
) -> None:
    """Refuse a loss whose encoder reads codes of another generator's shape, and a `code_fraction`
    without such a loss.
    """
    targets = {name: term for name, term in terms.items() if term.compares == "target_code"}
    if code_fraction and not targets:
        raise UsageError(
            f"code_fraction={code_fraction} needs a target in code space; add a loss "
            "TargetCode, or set it to 0."
        )
    num_ws, w_dim = generator.num_ws, generator.w_dim
    for name, term in targets.items():
        shape = tuple(term.embedded_shape)
        if shape not in ((w_dim,), (num_ws, w_dim)):
            raise UsageError(
                f"The loss '{name}' reads codes of shape {list(shape)} off images, but the "
                f"generator takes [{num_ws}, {w_dim}]; name an encoder of this generator, as task "
                "'inversion_encoder' trains it."
            )


@torch.no_grad()
def check_generator(generator: nn.Module, renderer: Renderer) -> None:
    """Refuse a generator whose images are not of the size that it states."""
    mean_w = generator.mean_w
    camera = frame_of(generator).side(0.0).to(mean_w.device) if generator.is_3d else None
    image = renderer(Latent(mean_w.expand(1, generator.num_ws, -1)), camera).image
    size = generator.resolution
    if image.shape != (1, 3, size, size):
        raise UsageError(
            complaint(
                "generator",
                generator,
                f"the image of one code is {list(image.shape)}, but resolution is {size}",
                f"let render return [B,3,{size},{size}], or correct resolution",
            )
        )
