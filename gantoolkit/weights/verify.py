"""`gantoolkit weights verify`: whether the files that registry.yaml lists have the sha256 that it states."""

from __future__ import annotations

from argparse import Namespace

from gantoolkit import manifest, names
from gantoolkit.errors import UsageError
from gantoolkit.weights import sha256


def main(args: Namespace) -> int:
    """Print one line per entry; 1 when a file differs from its entry."""
    known = manifest.load().weights
    if args.name and args.name not in known:
        raise UsageError(f"No weights named '{args.name}'{names.suggest(args.name, known)}; known: "
                         f"{', '.join(sorted(known))}.")
    states = {name: state(entry) for name, entry in sorted(known.items()) if args.name in (None, name)}
    for name, text in states.items():
        print(f"{text:<10} {name}")
    wrong = [name for name, text in states.items() if text == "DIFFERS"]
    if wrong:
        print(f"\n{len(wrong)} differ from registry.yaml; fetch them again (gantoolkit weights get NAME) or reinstall.")
    return 1 if wrong or args.name and states[args.name] != "ok" else 0


def state(entry: dict) -> str:
    """ok, DIFFERS, missing, or not here (never fetched)."""
    path = manifest.load().file(entry)
    if not path.exists():
        return "missing" if "file" in entry else "not here"
    return "ok" if sha256(path).startswith(str(entry.get("sha256", ""))) else "DIFFERS"
