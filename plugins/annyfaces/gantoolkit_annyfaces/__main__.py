"""`python -m gantoolkit_annyfaces --count N --resolution R --out FILE`: render a data set."""
from __future__ import annotations

import argparse
import sys

from gantoolkit.cli import options
from gantoolkit.core.suggest import did_you_mean
from gantoolkit_annyfaces.identities import RANGES


def first_identity(text):
    """The number of an identity, or of the first one of a named range."""
    if text in RANGES:
        return RANGES[text]
    if not text.lstrip('-').isdigit():
        raise argparse.ArgumentTypeError(f"there is no range '{text}'{did_you_mean(text, RANGES)}; give a number or "
                                         f"one of {', '.join(RANGES)}")
    return options.whole(0)(text)


def add_arguments(parser):
    """The options of a render, shared with the toolkit's own command line."""
    parser.add_argument('--count', type=options.COUNT, required=True, help='number of samples')
    parser.add_argument('--resolution', type=options.PIXELS, default=64, help='image side in pixels')
    parser.add_argument('--out', required=True, help='zip file to write')
    parser.add_argument('--seed', type=options.SEED, default=0)
    parser.add_argument('--start', type=first_identity, default='0', metavar='N|NAME',
                        help='first identity: a number or zoo, judge, bridge, val, test')
    parser.add_argument('--states', type=options.COUNT, default=1, help='states (hair, clothes, light, …) of every person')
    parser.add_argument('--views', type=options.COUNT, default=1, help='cameras of every state')
    parser.add_argument('--workers', type=options.COUNT, default=1, help='processes')
    parser.add_argument('--domain', default='photo', choices=('photo', 'marble', 'clay', 'toon'))
    parser.add_argument('--shading', default='full', choices=('full', 'fast'),
                        help='fast: no shadows, about twice as quick')
    parser.add_argument('--image-format', default='webp', choices=('webp', 'png'))
    parser.add_argument('--rare', type=options.number(1, 4), default=1.0, metavar='ODDS',
                        help='multiply the odds of rare things (glasses, hats, beards, …), for training; 1 to 4, default 1')
    parser.add_argument('--depth', action='store_true', help='also write depth images')
    parser.add_argument('--no-factors', dest='factors', action='store_false', help='leave the factors out')
    parser.add_argument('--fresh', action='store_true', help='discard the parts of an interrupted run')
    return parser


def show_progress(done, count, rate):
    """One line: done, rate, time left."""
    left = (count - done) / max(rate, 1e-9)
    print(f'\r{done}/{count}  {rate:.1f} samples/s  {left / 60:.1f} min left ',
          end='' if done < count else '\n', file=sys.stderr, flush=True)


def render_command(args):
    """Run a render from parsed arguments; returns the exit code."""
    from gantoolkit_annyfaces.archive import write_zip
    path = write_zip(args.out, args.count, args.resolution, seed=args.seed, start=args.start, states=args.states,
                     views=args.views, workers=args.workers, domain=args.domain, shading=args.shading,
                     depth=args.depth, factors=args.factors, resume=not args.fresh, image_format=args.image_format, rare=args.rare,
                     progress=show_progress)
    print(path)
    return 0


def main(argv=None):
    """Entry of `python -m gantoolkit_annyfaces`."""
    parser = argparse.ArgumentParser(prog='python -m gantoolkit_annyfaces', description=__doc__)
    return render_command(add_arguments(parser).parse_args(argv))


if __name__ == '__main__':
    sys.exit(main())
