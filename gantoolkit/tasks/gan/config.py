"""Keys of the configs of the tasks of generators; the dict `adversary` of `gan` has its own."""

from __future__ import annotations

from dataclasses import dataclass, field
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
    # inside the generator in phase B; 'random' lets it learn detail that no code holds
    noise: Literal["none", "random"] = "none"
    # weight of the L1 distance to the generator before phase B, on fresh codes
    consistency: float = 0.0
    consistency_size: int = 8  # pixels that both are averaged to for it
    depth_consistency: float = 0.0  # the same of a 3D generator's depth, at every ray
    freeze_mapping: bool = False  # leave the mapping network and w̄ as they are

    def __post_init__(self):
        check_choice("adversary.loss", self.loss, ("logistic", "hinge", "rpgan"))
        check_choice("adversary.noise", self.noise, ("none", "random"))
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


@dataclass(frozen=True, kw_only=True)
class GANConfig:
    """All keys of the task `gan`; phase A is regression, phase B is adversarial."""

    # zip of faces with the renderer's factors; without pairs in phase B only, of any faces
    data: str
    # {"type": name, …}; z_dim and resolution default to what the data says;
    # None = that of `init_from`
    generator: dict | None = None
    # {"type": name, …}, needed for more iterations than `regress`
    discriminator: dict | None = None
    val: str | None = None  # zip of held-out faces; None holds out the end of `data`
    held_out: int = 64  # rows at the end of `data` for scores only, where there is no `val`
    # iterations of phase A; the generator's rate falls from lr to lr_discriminator
    regress: int = 2000
    lr: float = 3e-3  # learning rate of the generator at the start
    # learning rate of the discriminator, and of the generator in phase B unless adversary.lr says
    # otherwise
    lr_discriminator: float = 1e-3
    # weight of the pairs in phase B (1 in phase A); 0 = all codes are fresh normals
    pairs: float = 0.5
    # weight of the distance between discriminator features of a face and its reconstruction
    feature_matching: float = 1.0
    adversarial: float = 0.1  # weight of the generator's adversarial loss
    raw: float = 0.5  # weight of EG3D's raw image
    depth: float = 0.3  # weight of EG3D's depth, where the data has depth
    r1_gamma: float = 1.0  # γ of the gradient penalty on real images
    r1_interval: int = 16  # iterations between two gradient penalties
    ema: float = 0.998  # decay of the moving average that is scored and exported
    # a component of kind `loss` between images, with its own weight; None = no such loss
    perceptual: dict | None = None
    # {"type": "FaceEncoder", …}: w of a pair is read off the face (3D: off another view of it), and
    # the mapping network learns to meet it; None = w comes from the mapping of the factors
    encoder: dict | None = None
    # encoder that goes on learning here: the folder of a finished run, or the weights name or file
    # of an encoder; None = new weights
    encoder_from: str | None = None
    compact: float = 0.02  # weight of the mean square of the encoder's w
    # weights name, file or run folder of a generator to begin from; None = new weights
    init_from: str | None = None
    # how phase B is played: loss, discriminator_warmup, lr, r2_gamma, augmentation, truncated, psi,
    # consistency, consistency_size, depth_consistency, freeze_mapping (see AdversaryConfig)
    adversary: dict | None = None


@dataclass(frozen=True, kw_only=True)
class CodesConfig:
    """All keys of the task `codes`."""

    data: str  # zip of faces
    run: str  # folder of a finished run of task `gan`: its exported generator and its encoder
    mapping_layers: int = 3  # layers of the new mapping network
    mapping_features: int = 256  # width of its hidden layers
    discriminator: dict | None = None  # arguments of CodeDiscriminator
    r1_gamma: float = 1.0  # γ of the gradient penalties
    r1_interval: int = 4  # iterations between two gradient penalties
    # learning rate of the mapping network; its weights are near 1 (equalized), so the rate is
    # larger than the discriminator's
    lr: float = 5e-3
    lr_discriminator: float = 1e-3  # learning rate of the discriminator
    ema: float = 0.998  # decay of the moving average that is scored and exported
    held_out: int = 600  # faces at the end of the data whose codes are used for scores only


@dataclass(frozen=True, kw_only=True)
class InversionConfig:
    """All keys of the task `inversion`."""

    data: str  # zip of faces
    generator: str  # weights name or file; frozen
    losses: dict  # name → a component of kind `loss`, {"type": …, "weight": …}
    limit: int = 200  # number of photographs, from the start of `data`
    lr: float = 0.05  # learning rate of the codes
    betas: tuple[float, float] = (0.9, 0.99)  # of Adam
    # metrics of the results, as of the task `bridge`; None = all, {} = none
    metrics: dict | None = None
    judge: str = "judge"  # weights name of the network that metrics measure with


@dataclass(frozen=True, kw_only=True)
class InversionEncoderConfig:
    """All keys of the task `inversion_encoder`."""

    data: str  # zip of faces
    generator: str  # weights name or file; frozen
    losses: dict  # name → a component of kind `loss`, {"type": …, "weight": …}
    # {"type": "FaceEncoder", …}; resolution, w_dim and num_ws are the generator's unless they are
    # said; num_ws=0 for one code w of all styles
    encoder: dict = field(default_factory=lambda: {"type": "FaceEncoder"})
    # encoder that goes on learning here: its weights name or file, or the folder of a finished run
    # of task `gan`; None = new weights
    encoder_from: str | None = None
    val: str | None = None  # zip of held-out faces; None holds out the end of `data`
    held_out: int = 200  # faces at the end of the data that are used for scores only
    code: float = 0.3  # weight of the distance between fresh codes and what is read off their faces
    codes_per_face: int = 3  # fresh codes beside every face of a batch
    psi: tuple[float, float] = (0.7, 1.2)  # range of their truncation, towards w̄ and past it
    lr: float = 1.5e-3  # learning rate of the encoder
    betas: tuple[float, float] = (0.9, 0.99)  # of Adam
    ema: float = 0.99  # decay of the moving average that is scored and exported
    # metrics of the results, as of the task `bridge`; None = all, {} = none
    metrics: dict | None = None
    judge: str = "judge"  # weights name of the network that metrics measure with
