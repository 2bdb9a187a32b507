"""Arguments of `gantoolkit generate` and `gantoolkit demo`."""

from __future__ import annotations

import argparse

from gantoolkit.cli import options
from gantoolkit.core.labels import ORDERS
from gantoolkit.core.limits import AGGREGATES


def add(verbs) -> None:
    """Add both verbs."""
    generate = options.add_verb(
        verbs,
        "generate",
        "gantoolkit.inference.generate:main",
        "make faces from text and masks or scribbles with a finished run",
    )
    generate.add_argument(
        "source", metavar="RUN|PRESET", help="a run folder or the name of a preset"
    )
    _add_conditions(generate)
    _add_sampling(generate)
    _add_views(generate.add_argument_group("3D faces"))
    options.add_yes(generate)
    _add_demo(verbs)


def _add_conditions(generate: argparse.ArgumentParser) -> None:
    generate.add_argument(
        "--text",
        action="append",
        help="the prompt (default: an empty one); several times: every picture with each",
    )
    generate.add_argument(
        "--prompts", metavar="FILE", help="in place of --text: a file with a prompt per line"
    )
    generate.add_argument(
        "--captions",
        metavar="FILE|DIR",
        help="in place of --text: a prompt per picture, from JSON {NAME: prompt} or NAME.txt files",
    )
    generate.add_argument(
        "--negative-prompt",
        metavar="TEXT",
        help="what guidance leads away from (default: the encoder's, mostly empty)",
    )
    generate.add_argument(
        "--mask",
        metavar="FILE|DIR",
        help="label map(s), 19 CelebAMask-HQ classes; or a name of `gantoolkit examples`",
    )
    generate.add_argument(
        "--scribble",
        metavar="FILE|DIR",
        help="white strokes on black, or a name; beside --mask for runs on both",
    )
    generate.add_argument(
        "--data",
        metavar="ZIP",
        help="every sample of a data set once, from its own caption, condition and camera, "
        "as ID.png",
    )
    generate.add_argument(
        "--caption",
        choices=("rotating", "first"),
        default="rotating",
        help="with --data: caption number 7 i of sample i, modulo how many it has, or the first",
    )
    generate.add_argument(
        "--labels",
        choices=tuple(ORDERS),
        default="celebamask",
        help="how the numbers of a label map are read (default: CelebAMask-HQ's order)",
    )


def _add_sampling(generate: argparse.ArgumentParser) -> None:
    generate.add_argument(
        "--seed",
        type=options.SEED,
        default=0,
        metavar="S",
        help="of the noise that faces start from",
    )
    generate.add_argument(
        "--count", type=options.COUNT, default=1, metavar="N", help="seeds per picture: S, S+1, …"
    )
    generate.add_argument(
        "--limit", type=options.COUNT, metavar="N", help="only the first N pictures or samples"
    )
    generate.add_argument("--out", metavar="DIR", default="out", help="where pictures go")
    generate.add_argument(
        "--overwrite", action="store_true", help="replace other pictures of the same names"
    )
    generate.add_argument(
        "--batch", type=options.COUNT, default=8, metavar="N", help="faces at a time"
    )
    options.add_device(generate)
    options.add_threads(generate)
    generate.add_argument(
        "--generator",
        metavar="FILE|NAME",
        help="render with this generator of the same codes, such as a stylized one",
    )
    generate.add_argument(
        "--t-out",
        type=options.TIME,
        default=0,
        metavar="T",
        help="stop at this denoising time, 999 to 0: early is fast (default 0: the end)",
    )
    generate.add_argument(
        "--aggregate",
        choices=AGGREGATES,
        default="last",
        help="the code of the last step, or the mean over all steps (default: last)",
    )


def _add_views(views: argparse._ArgumentGroup) -> None:
    views.add_argument(
        "--camera",
        choices=("label", "frontal", "estimate"),
        default=None,
        help="a label file's, frontal, or fitted to the mask (default: the first there is)",
    )
    views.add_argument(
        "--views", type=options.COUNT, default=1, metavar="N", help="views of each face"
    )
    views.add_argument("--turntable", choices=("gif", "mp4"), help="also a film around the face")
    views.add_argument(
        "--frames", type=options.COUNT, default=48, metavar="N", help="frames of the turntable"
    )
    views.add_argument("--depth", action="store_true", help="also 16-bit depth pictures")
    views.add_argument("--mesh", action="store_true", help="also a mesh with colors (.ply)")


def _add_demo(verbs) -> None:
    demo = options.add_verb(
        verbs, "demo", "gantoolkit.demo.command:main", "open a page to paint, prompt and turn faces"
    )
    demo.add_argument(
        "sources",
        nargs="*",
        metavar="RUN|PRESET|FOLDER",
        help="trained runs, presets or folders of runs (default: presets with weights, and runs/)",
    )
    demo.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="default: 127.0.0.1, this machine only",
    )
    demo.add_argument(
        "--port",
        type=options.whole(1, 65535),
        metavar="N",
        help="default: the first free one from 7860",
    )
    demo.add_argument(
        "--share", choices=("never",), default="never", help="never: there is no public tunnel"
    )
    options.add_device(demo)
    options.add_threads(demo)
