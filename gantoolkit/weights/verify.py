"""`gantoolkit weights verify`: whether the files that registry.yaml lists have the sha256 that
it states.
"""

from __future__ import annotations

from argparse import Namespace

from gantoolkit.registry import manifest
from gantoolkit.weights.download import entry_of
from gantoolkit.weights.names import locate, matches


def main(args: Namespace) -> int:
    """Print one line per entry.

    Returns 1 when a file differs from its entry, or the one asked for is not there.
    """
    if args.name:
        entries = {args.name: entry_of(args.name)}
    else:
        entries = dict(sorted(manifest.load().weights.items()))
    states = {name: state(entry) for name, entry in entries.items()}
    for name, text in states.items():
        print(f"{text:<10} {name}")
    differing = sum(text == "DIFFERS" for text in states.values())
    if differing:
        print(
            f"\n{differing} differ from registry.yaml; fetch them again "
            "(gantoolkit weights get NAME) or reinstall."
        )
    if args.name:
        return int(states[args.name] != "ok")
    return int(differing > 0)


def state(entry: dict) -> str:
    """Return ok, DIFFERS, missing, or not here (never fetched)."""
    path = locate(entry)
    if not path.exists():
        return "missing" if "file" in entry else "not here"
    return "ok" if matches(path, entry) else "DIFFERS"
