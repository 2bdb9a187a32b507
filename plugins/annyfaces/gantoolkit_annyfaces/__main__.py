"""`python -m gantoolkit_annyfaces --count N --resolution R --out FILE`: render a data set."""

from __future__ import annotations

import argparse
import sys

from gantoolkit.cli import options
from gantoolkit.core.suggest import did_you_mean
from gantoolkit_annyfaces.identities import RANGES


def first_identity(text):
    """Read `--start`: a number, or the name of a range, which means its first identity.

    Raises argparse.ArgumentTypeError for other words.
    """
    if text in RANGES:
        return RANGES[text]
    if not text.lstrip("-").isdigit():
        suggestion = did_you_mean(text, RANGES)
        known = ", ".join(RANGES)
        raise argparse.ArgumentTypeError(
            f"there is no range '{text}'{suggestion}; give a number or one of {known}"
        )
    return options.whole(0)(text)


def add_arguments(parser):
    """Add the options of a render to `parser` and return it."""
    add_what(parser)
    add_how(parser)
    return parser


def add_what(parser):
    """Add the options that say which samples are rendered."""
    add = parser.add_argument
    add("--count", type=options.COUNT, required=True, help="number of samples")
    add("--resolution", type=options.PIXELS, default=64, help="image side in pixels")
    add("--out", required=True, help="zip file to write")
    add("--seed", type=options.SEED, default=0, help="of everything that is drawn")
    add(
        "--start",
        type=first_identity,
        default="0",
        metavar="N|NAME",
        help="first identity: a number or zoo, judge, bridge, val, test",
    )
    add(
        "--states",
        type=options.COUNT,
        default=1,
        help="states (hair, clothes, light, …) of every person",
    )
    add("--views", type=options.COUNT, default=1, help="cameras of every state")
    add(
        "--rare",
        type=options.number(1, 4),
        default=1.0,
        metavar="ODDS",
        help="multiply the odds of rare things (glasses, hats, …), for training; 1 to 4, default 1",
    )


def add_how(parser):
    """Add the options that say how samples are drawn and stored."""
    add = parser.add_argument
    add("--workers", type=options.COUNT, default=1, help="processes")
    add(
        "--domain",
        default="photo",
        choices=("photo", "marble", "clay", "toon"),
        help="what the heads are made of",
    )
    add(
        "--shading",
        default="full",
        choices=("full", "fast"),
        help="fast: no shadows, about twice as quick",
    )
    add("--image-format", default="webp", choices=("webp", "png"), help="of images in the zip")
    add("--depth", action="store_true", help="also write depth images")
    add("--no-factors", dest="factors", action="store_false", help="leave the factors out")
    add("--fresh", action="store_true", help="discard the parts of an interrupted run")


def show_progress(done, count, rate):
    """Print one line to stderr: samples done of `count`, `rate` in samples/s, minutes left."""
    seconds_left = (count - done) / max(rate, 1e-9)
    line = f"\r{done}/{count}  {rate:.1f} samples/s  {seconds_left / 60:.1f} min left "
    print(line, end="" if done < count else "\n", file=sys.stderr, flush=True)


def render_command(args):
    """Run a render from parsed arguments; return the exit code."""
    from gantoolkit_annyfaces.archive import write_zip

    path = write_zip(
        args.out,
        args.count,
        args.resolution,
        seed=args.seed,
        start=args.start,
        states=args.states,
        views=args.views,
        workers=args.workers,
        domain=args.domain,
        shading=args.shading,
        depth=args.depth,
        factors=args.factors,
        resume=not args.fresh,
        image_format=args.image_format,
        rare=args.rare,
        progress=show_progress,
    )
    print(path)
    return 0


def main(argv=None):
    """Parse the command line and render."""
    parser = argparse.ArgumentParser(prog="python -m gantoolkit_annyfaces", description=__doc__)
    add_arguments(parser)
    return render_command(parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
