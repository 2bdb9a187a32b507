"""What the command line offers is what the code that it names takes."""

from __future__ import annotations

import argparse

import pytest

from gantoolkit.bench.prepare import PROGRAMS
from gantoolkit.cli.verbs import parser
from gantoolkit.core import labels
from gantoolkit.data import cameras, crop, pair_rule, scribbles
from gantoolkit.data.prepare import sample, sources, split
from gantoolkit.inference import cameras as views
from gantoolkit.report import animation

WANTED = {
    "data prepare": {
        "source": sources.NAMES,
        "split": split.SPLITS,
        "convention": cameras.CONVENTIONS,
        "format": sample.FORMATS,
        "crop": crop.CROPS,
        "scribbles": sample.SCRIBBLES,
        "preprocessing": scribbles.PREPROCESSING,
        "cameras": sample.CAMERAS,
    },
    "data check": {"convention": cameras.CONVENTIONS},
    "compare": {"prepare": PROGRAMS, "caption": pair_rule.CAPTION_RULES},
    "generate": {
        "caption": pair_rule.CAPTION_RULES,
        "labels": labels.ORDERS,
        "camera": views.CAMERAS,
        "turntable": animation.KINDS,
        "aggregate": ("last", "mean"),
    },
}


def below(parser: argparse.ArgumentParser, verb: str) -> argparse.ArgumentParser:
    """The parser of a verb, or of a verb's verb."""
    for name in verb.split():
        (group,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
        parser = group.choices[name]
    return parser


@pytest.mark.parametrize("verb", WANTED)
def test_choices_are_those_of_the_code(verb):
    offered = {
        action.dest: tuple(action.choices)
        for action in below(parser([]), verb)._actions
        if action.choices
    }
    assert offered == {name: tuple(known) for name, known in WANTED[verb].items()}
