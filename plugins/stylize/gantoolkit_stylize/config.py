"""Keys of a config of the task `stylize`."""

from __future__ import annotations

from dataclasses import dataclass

from gantoolkit.core.errors import UsageError

INVERSION_KEYS = ("steps", "lr", "anchor", "encoder")


@dataclass(frozen=True, kw_only=True)
class StylizeConfig:
    """All keys of the task `stylize`."""

    style: str  # an image of a face, or a folder of such; framed as the generator renders faces
    generator: str = "stylegan2"  # a StyleGAN2: weights name or file
    # φ: "auto" (the discriminator in the generator's file, else `trunk`), or a file or name
    features: str = "auto"
    # network with perceptual features: for the inversion, and φ where there is no discriminator
    trunk: str = "parser"
    # weight of the second term, which the paper lacks: for a trunk, which hardly sees colors
    pixels: float = 0.0
    alpha: float = 1.0  # strength of the mixing, above 0 and up to 1
    # codes that are drawn at random; None = the paper's, at the same depth
    layers: tuple[int, ...] | None = None
    # the paper's other choice of layers, after which colors are the input's
    preserve_color: bool = False
    # how the reference's codes are found: steps, lr, anchor; or encoder, a published encoder into
    # W+ (references.find_codes)
    inversion: dict | None = None
    # sizes of the blocks that stay as they are, for instance [4, 8] against a change of shapes
    freeze: tuple[int, ...] = ()
    noise: str = "random"  # inside the generator: "const", "random" or "none"
    lr: float = 2e-3  # learning rate
    betas: tuple[float, float] = (0.0, 0.99)  # of Adam

    def __post_init__(self):
        unknown = sorted(set(self.inversion or {}) - set(INVERSION_KEYS))
        if unknown:
            raise UsageError(
                f"There is no '{unknown[0]}' in inversion ({', '.join(INVERSION_KEYS)})."
            )
        if not 0 < self.alpha <= 1:
            raise UsageError(f"alpha={self.alpha} must lie above 0 and not above 1.")
