"""Arguments of `gantoolkit figure NAME`."""

from __future__ import annotations

import argparse
from typing import NamedTuple

from gantoolkit.cli import options


class Figure(NamedTuple):
    """A figure of trained runs."""

    summary: str  # in the list of figures
    about: str  # in its own help
    several: bool  # whether it takes several runs
    shown: int  # samples that it shows by default


FIGURES = {
    "attention": Figure(
        "where the diffusion model looks for words, by step and block (the paper's Figure 3)",
        "Cross-attention of single words at the first, a middle and the last denoising step, in "
        "every up block of the U-Net, over the face of that step (the paper's Figure 3).",
        several=False,
        shown=1,
    ),
    "parts": Figure(
        "what M and T add: mean face, G(w^m), G(w) (Figure 8)",
        "Condition, photo, the generator's mean face, the mapping network by itself, and with "
        "style modulation (the paper's Figure 8). A further run, such as the ablation without "
        "attention, adds a column.",
        several=True,
        shown=4,
    ),
    "targets": Figure(
        "the same faces by runs trained towards other targets (Figure 9)",
        "Condition, photo and the diffusion model's image, then the face of every run, such as the "
        "ablations trained towards one of the two (the paper's Figure 9).",
        several=True,
        shown=4,
    ),
    "views": Figure(
        "results: prompt and condition, G(w), and other views of a 3D face (Figures 5 to 7)",
        "Prompt and condition, the face, and where the generator is 3D the same face from left, "
        "front and right (as in the paper's Figures 5 to 7).",
        several=False,
        shown=4,
    ),
    "style": Figure(
        "style transfer: prompt and condition, I^d_0, G(w), and other views of it (Figure 10)",
        "Prompt and condition, the diffusion model's image, the face, and where the generator is "
        "3D the same face from left, front and right (the paper's Figure 10), of a run of "
        "configs/style_transfer.py.",
        several=False,
        shown=4,
    ),
    "steps": Figure(
        "faces and their scores over the denoising steps",
        "The same faces after every denoising step, and under them how the judge scores them.",
        several=False,
        shown=3,
    ),
}


def add(verbs) -> None:
    """Add the verb with an action for each figure."""
    figure = verbs.add_parser(
        "figure",
        help="make the paper's figures again from trained runs",
        description="Make one of the paper's figures again from trained runs: one PNG.",
    )
    names = figure.add_subparsers(title="figures", metavar="NAME", required=True)
    for name, entry in FIGURES.items():
        _add_figure(names, name, entry)
    _add_generator(names)
    _add_data(names)


def _add_figure(names, name: str, entry: Figure) -> None:
    parser = names.add_parser(name, help=entry.summary, description=entry.about)
    parser.set_defaults(command="gantoolkit.bench.figures.command:main", figure=name)
    labels = "; LABEL=RUN titles its column, | begins a second line" if entry.several else ""
    parser.add_argument(
        "runs",
        nargs="+" if entry.several else 1,
        metavar="RUN",
        help=f"a run folder or a preset{labels}",
    )
    if name == "attention":
        _add_words(parser)
    elif name == "steps":
        _add_scores(parser)
    else:
        _add_t_out(parser)
    _add_samples(parser, entry.shown)
    _add_output(parser, name)


def _add_words(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--words",
        nargs="+",
        default=[],
        metavar="WORD",
        help="of the prompt (default: the two nouns with most attention)",
    )


def _add_scores(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--scored",
        type=options.whole(0),
        default=50,
        metavar="N",
        help="samples behind the scores, 0 for pictures only (default: 50)",
    )
    parser.add_argument(
        "--judge", default="judge", metavar="NAME", help="weights of the network that scores"
    )


def _add_t_out(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--t-out",
        type=options.TIME,
        default=0,
        metavar="T",
        help="stop at this denoising time, 999 to 0 (default 0: the end)",
    )


def _add_samples(parser: argparse.ArgumentParser, shown: int) -> None:
    parser.add_argument(
        "--data",
        default="val",
        metavar="NAME|ZIP",
        help="rendered or prepared faces (default: val, which comes with the package)",
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--samples",
        type=options.COUNT,
        default=shown,
        metavar="N",
        help=f"the first N (default: {shown})",
    )
    which.add_argument(
        "--pick",
        type=options.whole(0),
        nargs="+",
        default=[],
        metavar="I",
        help="these samples, counted from 0",
    )


def _add_output(parser: argparse.ArgumentParser, name: str) -> None:
    file = f"figures/{name}.png"
    parser.add_argument("--out", default=file, metavar="FILE.png", help=f"default: {file}")
    parser.add_argument(
        "--batch", type=options.COUNT, default=8, metavar="N", help="faces at a time"
    )
    options.add_device(parser)


def _add_generator(names) -> None:
    parser = names.add_parser(
        "generator",
        help="what a generator renders: random faces and walks between them",
        description="Faces of random codes, from three sides where the generator is 3D, and "
        "straight walks in W from one face to another.",
    )
    parser.set_defaults(command="gantoolkit.bench.figures.generator:main", figure="generator")
    parser.add_argument("generator", metavar="GENERATOR", help="a weights name or file")
    parser.add_argument(
        "--walks",
        type=options.whole(0),
        default=3,
        metavar="N",
        help="between random codes (default: 3)",
    )
    parser.add_argument(
        "--truncation",
        type=options.number(),
        default=1.0,
        metavar="PSI",
        help="towards the mean code",
    )
    parser.add_argument(
        "--seed", type=options.SEED, default=0, metavar="N", help="of the random codes"
    )
    parser.add_argument(
        "--out", default="figures/generator.png", metavar="FILE.png", help="the picture"
    )
    options.add_device(parser)


def _add_data(names) -> None:
    parser = names.add_parser(
        "data",
        help="what a data set looks like: its first faces",
        description="The first faces of data sets, in rows of eight.",
    )
    parser.set_defaults(command="gantoolkit.bench.figures.data:main", figure="data")
    parser.add_argument("data", nargs="+", metavar="NAME|ZIP", help="rendered or prepared faces")
    parser.add_argument(
        "--samples",
        type=options.COUNT,
        default=32,
        metavar="N",
        help="of every data set (default: 32)",
    )
    parser.add_argument(
        "--conditions", action="store_true", help="also their label maps and scribbles"
    )
    parser.add_argument("--out", default="figures/data.png", metavar="FILE.png", help="the picture")
