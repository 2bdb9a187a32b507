"""Two examples of every verb, at the end of its --help."""

from __future__ import annotations

import argparse

from gantoolkit.cli.options import EXAMPLES

OF_VERBS = {  # words of a verb → what follows "gantoolkit " in two lines of a shell
    "run": (
        "run configs/absm_eg3d.py",
        "run configs/absm_stylegan2.py schedule.iterations=300 --out runs/short",
    ),
    "report": ("report runs/absm_eg3d", "report runs/*"),
    "generate": (
        'generate eg3d-mask --text "This woman has long red hair." --mask woman-with-bangs',
        "generate runs/absm_eg3d --mask masks/ --count 4 --turntable gif",
    ),
    "examples": ("examples", "examples --out examples"),
    "demo": ("demo", "demo runs/absm_eg3d --port 8000"),
    "list": ("list", "list losses"),
    "show": ("show words", "show configs/absm_eg3d.py schedule.batch=4"),
    "doctor": ("doctor", "doctor --quick"),
    "new plugin": ("new plugin my-gan", "new plugin my-loss --kind loss --out plugins"),
    "plugin check": ("plugin check gantoolkit-my-gan", "plugin check plugins/stylize"),
    "bench": ("bench table1 --pairs 50", "bench runs/absm_eg3d"),
    "compare": (
        "compare --data val --outputs ours=out controlnet=controlnet-out",
        "compare --prepare tedigan --data test.zip",
    ),
    "figure attention": (
        "figure attention runs/absm_eg3d",
        "figure attention eg3d-mask --words hair smile",
    ),
    "figure parts": (
        "figure parts runs/absm_eg3d",
        "figure parts runs/absm_eg3d 'no attention=runs/b' --samples 6",
    ),
    "figure targets": (
        "figure targets runs/absm_eg3d runs/d",
        "figure targets both=runs/absm_eg3d photo=runs/d --pick 3 7",
    ),
    "figure views": ("figure views eg3d-mask", "figure views runs/absm_eg3d --samples 6"),
    "figure style": (
        "figure style runs/style_transfer",
        "figure style runs/style_transfer --samples 6",
    ),
    "figure steps": ("figure steps eg3d-mask", "figure steps runs/absm_eg3d --scored 0"),
    "figure generator": (
        "figure generator stylegan2",
        "figure generator eg3d --walks 1 --truncation 0.7",
    ),
    "figure data": ("figure data val", "figure data train.zip test.zip --conditions"),
    "weights convert": (
        "weights convert ffhq.pkl",
        "weights convert psp_celebs_sketch_to_face.pt --part generator --dry-run",
    ),
    "weights export": (
        "weights export stylegan2 stylegan2.pt",
        "weights export runs/absm_eg3d my-bridge",
    ),
    "weights get": ("weights get irse50", "weights get irse50 --offline /media/usb"),
    "weights verify": ("weights verify", "weights verify eg3d"),
    "cache list": ("cache list", "cache clear --dry-run"),
    "cache clear": ("cache clear", "cache clear downloads --dry-run"),
    "data prepare": (
        "data prepare celebamask-hq --root CelebAMask-HQ --out data",
        "data prepare folder --root photos --out data --scribbles canny --crop ffhq",
    ),
    "data check": ("data check photos", "data check train.zip --page check.html"),
    "data resize": (
        "data resize train.zip --resolution 64 --out small.zip",
        "data resize val --resolution 32 --out tiny.zip --limit 100",
    ),
    "data render": (
        "list commands",
        "data render annyfaces --count 100 --resolution 64 --out faces.zip",
    ),
}


def add(root: argparse.ArgumentParser) -> None:
    """End the help of every verb with two examples."""
    for words, verb in verbs(root):
        lines = OF_VERBS.get(words) or _of_actions(words)
        if words and lines and verb.epilog is None:
            verb.epilog = EXAMPLES + "\n".join(f"  gantoolkit {line}" for line in lines)


def verbs(parser: argparse.ArgumentParser, words: str = ""):
    """Yield the words and the parser of every verb and action, and "" for the command itself."""
    yield words, parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, verb in action.choices.items():
                yield from verbs(verb, f"{words} {name}".strip())


def _of_actions(verb: str) -> tuple[str, ...]:
    """The first example of a verb's first two actions, or both of its only one."""
    pairs = [pair for words, pair in OF_VERBS.items() if words.startswith(f"{verb} ")]
    if len(pairs) < 2:
        return next(iter(pairs), ())
    return tuple(first for first, _ in pairs[:2])
