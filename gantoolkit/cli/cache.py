"""`gantoolkit cache list` and `clear`: what is kept between commands, its size, and its end."""

from __future__ import annotations

import os
import shutil
import time
from argparse import Namespace
from pathlib import Path

from gantoolkit.cli import options
from gantoolkit.core.files import cache_root
from gantoolkit.core.suggest import check_choice

KINDS = {  # folder in the cache → what it holds
    "trajectories": "z_t, I^d_0 and h, f, a of data sets; made again by the next run",
    "features": "h, f and a of data sets, by earlier versions; not needed",
    "embeddings": "identities and codes of data sets; made again by the next run",
    "converted": "foreign checkpoints in our form; converted again when they are used",
    "downloads": "published weights; fetched again by weights get",
}
CHEAP = ("trajectories", "features", "embeddings", "converted")  # what `clear` takes by itself


def add(verbs) -> None:
    """Add the verb with its actions."""
    cache = verbs.add_parser("cache", help="list or clear what is kept between commands")
    actions = cache.add_subparsers(title="actions", metavar="ACTION", required=True)
    listing = "say what the cache holds, of which size and age"
    options.add_verb(actions, "list", "gantoolkit.cli.cache:list_", listing)
    clear = options.add_verb(
        actions,
        "clear",
        "gantoolkit.cli.cache:clear",
        "remove what the cache holds; end runs first",
    )
    clear.add_argument(
        "kinds",
        nargs="*",
        metavar="KIND",
        help=f"{', '.join(KINDS)} (default: all but downloads)",
    )
    clear.add_argument("--dry-run", action="store_true", help="only say what would be removed")


def list_(args: Namespace) -> None:
    """Print the folder, and size and age of every kind."""
    print(f"{cache_root()} (moved by $GANTOOLKIT_CACHE)")
    for kind, about in KINDS.items():
        count, size, newest = measure(cache_root() / kind)
        age = f"newest {time.strftime('%Y-%m-%d', time.localtime(newest))}" if count else ""
        print(f"  {kind:<13} {count:>6} files {megabytes(size):>12}  {age:<18}  {about}")


def clear(args: Namespace) -> None:
    """Remove the chosen kinds, and nothing else that lies in the same folder."""
    for kind in args.kinds:
        check_choice("KIND", kind, KINDS)
    verb = "would remove" if args.dry_run else "removed"
    for kind in args.kinds or CHEAP:
        folder = cache_root() / kind
        count, size, _ = measure(folder)
        if count and not args.dry_run:
            shutil.rmtree(folder)
        print(f"{verb} {folder}: {count} files, {megabytes(size)}")


def measure(folder: Path) -> tuple[int, int, float]:
    """Count the files of a folder; returns their number, bytes and the newest change."""
    count, size, newest = 0, 0, 0.0
    for parent, _, names in os.walk(folder):
        for name in names:
            stat = os.lstat(os.path.join(parent, name))
            count += 1
            size += stat.st_size
            newest = max(newest, stat.st_mtime)
    return count, size, newest


def megabytes(size: int) -> str:
    """Say a number of bytes.

    >>> megabytes(1_234_567)
    '1.2 MB'
    """
    return f"{size / 1e6:,.1f} MB"
