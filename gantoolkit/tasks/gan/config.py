"""How the adversarial phase of task `gan` is played: the config's `adversary`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gantoolkit.config import validate
from gantoolkit.core.errors import UsageError
from gantoolkit.core.suggest import check_choice
from gantoolkit.tasks.gan.augmentation import DiffAugment


@dataclass(frozen=True)
class AdversaryConfig:
    """The config's `adversary`.

    >>> AdversaryConfig.of({"loss": "hinge", "truncated": 0.25}).psi
    (0.5, 1.2)
    """

    loss: Literal["logistic", "hinge", "rpgan"] = "logistic"  # rpgan: real and fake in pairs
    discriminator_warmup: int = 0  # iterations at the start of phase B that train it alone
    lr: float | None = None  # of the generator in phase B; None = lr_discriminator
    r2_gamma: float = 0.0  # γ of the gradient penalty on generated images, at R1's interval
    augmentation: dict | None = None  # DiffAugment's strengths: color, translation, cutout
    truncated: float = 0.0  # share of the fresh codes that are truncated
    psi: tuple[float, float] = (0.5, 1.2)  # range of their ψ, towards w̄ and past it
    consistency: float = 0.0  # weight of the L1 distance to the generator before phase B
    consistency_size: int = 8  # pixels that both are averaged to for it
    depth_consistency: float = 0.0  # the same of a 3D generator's depth, at every ray
    freeze_mapping: bool = False  # leave the mapping network and w̄ as they are

    def __post_init__(self):
        check_choice("adversary.loss", self.loss, ("logistic", "hinge", "rpgan"))
        if not 0 <= self.truncated <= 1:
            raise UsageError(f"adversary.truncated={self.truncated} must lie in 0..1.")
        object.__setattr__(self, "psi", tuple(self.psi))

    @classmethod
    def of(cls, values: dict | None) -> AdversaryConfig:
        """Build from the config; unknown keys are refused."""
        return validate.build(cls, "adversary", values or {})

    def augment(self) -> DiffAugment | None:
        """Return the images' augmentation, if there is one."""
        return None if self.augmentation is None else DiffAugment.of(self.augmentation)
