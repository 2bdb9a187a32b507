"""The options of `gantoolkit generate`, checked before anything is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from gantoolkit.core.errors import UsageError
from gantoolkit.core.files import check_output_folder
from gantoolkit.core.limits import MAX_SEED
from gantoolkit.core.text import check_text


@dataclass(frozen=True)
class GenerateOptions:
    """What the command line says, beside the run.

    >>> GenerateOptions(mask="face.png", views=3, depth=True).used_3d
    ['--views', '--depth']
    """

    text: str | Sequence[str] = ""  # the prompt, or several
    prompts: str | None = None  # a file with a prompt per line
    captions: str | None = None  # a caption per picture: a folder of NAME.txt, or a JSON file
    negative_prompt: str | None = None  # what guidance leads away from; None: the encoder's own
    mask: str | None = None  # a label map, or a folder of them
    scribble: str | None = None  # a drawing, or a folder of them
    data: str | None = None  # a data set zip, every sample of which is rendered once
    caption: str = "rotating"  # beside data: which caption of a sample, of CAPTION_RULES
    limit: int | None = None  # only the first pictures, or samples of data
    out: str = "out"  # folder
    overwrite: bool = False  # replace other pictures of the same names
    seed: int = 0
    count: int = 1  # seeds per input: seed, seed + 1, …
    views: int = 1  # the base view, then side views
    camera: str | None = None  # label, frontal, estimate; None: the first that is possible
    t_out: int = 0  # the denoising time 999..0 to stop at; 0 runs to the end
    aggregate: str = "last"  # or "mean": the average of w over the steps until then
    labels: str = "celebamask"  # how label numbers are read
    turntable: str | None = None  # gif or mp4
    frames: int = 48  # of the turntable
    depth: bool = False
    mesh: bool = False
    batch: int = 8
    threads: int | None = None  # of the CPU; None: as many as there are idle cores
    generator: str | None = None  # renders instead of the run's own
    device: str = "cpu"

    @classmethod
    def from_args(cls, args) -> GenerateOptions:
        """Take the options from parsed arguments; UsageError for what cannot be done."""
        names = [field.name for field in fields(cls) if getattr(args, field.name, None) is not None]
        options = cls(**{name: getattr(args, name) for name in names})
        options.check()
        return options

    def check(self) -> None:
        """Raise UsageError for what cannot be done, whatever the run is."""
        for text in self.texts:
            check_text(text, "--text", UsageError)
        check_text(self.negative_prompt or "", "--negative-prompt", UsageError)
        sources = {"text": self.texts, "prompts": self.prompts, "captions": self.captions}
        given = [f"--{name}" for name, value in sources.items() if value]
        if len(given) > 1:
            raise UsageError(f"{' and '.join(given)} cannot stand together; give one of them.")
        if self.data is not None:
            self._check_beside_data()
        elif self.caption != GenerateOptions.caption:
            raise UsageError("--caption belongs to --data, whose samples have captions.")
        elif self.mask is None and self.scribble is None:
            raise UsageError(
                "Give --mask or --scribble with a picture or a folder of pictures; "
                "a prompt alone does not say where the face is."
            )
        if self.seed + self.count - 1 > MAX_SEED:
            raise UsageError(
                f"--count {self.count} seeds from {self.seed} on go beyond the last, {MAX_SEED}; "
                "give a smaller --seed."
            )
        check_output_folder(self.out)
        if self.frames != GenerateOptions.frames and not self.turntable:
            raise UsageError(
                "--frames belongs to --turntable; add --turntable gif or --turntable mp4."
            )
        if self.turntable:
            from gantoolkit.report import animation

            animation.check_kind(self.turntable)

    def _check_beside_data(self) -> None:
        """Refuse options that mean nothing beside --data."""
        inputs = ("text", "prompts", "captions", "mask", "scribble", "count")
        used = [n for n in inputs if getattr(self, n) != getattr(GenerateOptions, n)]
        refused = [*(f"--{name}" for name in used), *self.used_3d]
        if refused:
            raise UsageError(
                f"{', '.join(refused)} cannot stand beside --data: every sample is drawn once, "
                "from its own caption, condition and camera."
            )

    @property
    def texts(self) -> tuple[str, ...]:
        """The prompts of --text; none where it is not given."""
        if isinstance(self.text, str):
            return (self.text,) if self.text else ()
        return tuple(self.text)

    @property
    def used_3d(self) -> list[str]:
        """The options in use that need a 3D generator."""
        is_used = {
            "views": self.views > 1,
            "turntable": self.turntable,
            "depth": self.depth,
            "mesh": self.mesh,
            "camera": self.camera,
        }
        return [f"--{name}" for name, used in is_used.items() if used]
