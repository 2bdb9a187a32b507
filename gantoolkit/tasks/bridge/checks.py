"""What a bridge's encoder must give for its config; checked before anything is cached."""

from __future__ import annotations

from torch import nn

from gantoolkit.core.errors import UsageError
from gantoolkit.tasks.bridge.config import BridgeConfig


def check_encoder(encoder: nn.Module, config: BridgeConfig) -> None:
    """Refuse an encoder that lacks what the config asks of it."""
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
