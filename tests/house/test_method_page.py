"""docs/method.md: every switch that it names is a constructor argument."""

import re
from pathlib import Path

import pytest

from gantoolkit.config import signature
from gantoolkit.registry import manifest

PAGE = Path(__file__).parents[2] / "docs/method.md"
OWNERS = {
    "bridge": ("bridge", "AbSM"),
    "encoder": ("encoder", "ControlNetEncoder"),
    "": ("task", "bridge"),
}
pytestmark = pytest.mark.skipif(
    not PAGE.exists(), reason="docs/ is not part of an installed package"
)


def switches():
    """(owner, argument, the values that the page gives) of each row of its table of switches."""
    for line in PAGE.read_text().split("## Switches")[1].split("## ")[0].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 3 and (key := re.match(r"`([\w.]+)`", cells[1])):
            owner, _, argument = key[1].rpartition(".")
            yield owner, argument, re.findall(r'"([^"]+)"', cells[2])


@pytest.mark.parametrize(
    "owner, argument, values", [s for s in switches() if s[0] in OWNERS] if PAGE.exists() else []
)
def test_switches_are_arguments(owner, argument, values):
    kind, name = OWNERS[owner]
    found = {a.name: a for a in signature.of(manifest.load().components[kind][name]).arguments}
    assert argument in found
    if values:
        assert values[0] == str(found[argument].default).strip("'\"")
