"""`gantoolkit weights verify`: whether the files that registry.yaml lists have the sha256 that it states."""

from __future__ import annotations

from argparse import Namespace

from gantoolkit.registry import manifest
from gantoolkit.weights.names import matches
from gantoolkit.weights.download import entry_of


def main(args: Namespace) -> int:
    """Print one line per entry; 1 when a file differs from its entry."""
    chosen = (
        {args.name: entry_of(args.name)}
        if args.name
        else dict(sorted(manifest.load().weights.items()))
    )
    states = {name: state(entry) for name, entry in chosen.items()}
    for name, text in states.items():
        print(f"{text:<10} {name}")
    wrong = [name for name, text in states.items() if text == "DIFFERS"]
    if wrong:
        print(
            f"\n{len(wrong)} differ from registry.yaml; fetch them again (gantoolkit weights get NAME) or reinstall."
        )
    return 1 if wrong or args.name and states[args.name] != "ok" else 0


def state(entry: dict) -> str:
    """ok, DIFFERS, missing, or not here (never fetched)."""
    path = manifest.load().file(entry)
    if not path.exists():
        return "missing" if "file" in entry else "not here"
    return "ok" if matches(path, entry) else "DIFFERS"
