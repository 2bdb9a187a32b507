"""First pages of rooms: their tables name every module, and components offer what contracts say."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
import torch
from tiny import mmface_parts, parts
from torch import nn

from gantoolkit import (
    bridges,
    cli,
    config,
    core,
    data,
    encoders,
    generators,
    inference,
    planning,
    registry,
    training,
    weights,
)
from gantoolkit.bridges.absm import AbSM
from gantoolkit.bridges.mapping import Mapping
from gantoolkit.core.types import FeatureShapes
from gantoolkit.encoders.controlnet import ControlNetEncoder
from gantoolkit.encoders.diffusion import DiffusionEncoder
from gantoolkit.encoders.mmface import MMFaceEncoder
from gantoolkit.encoders.pyramid import PyramidEncoder
from gantoolkit.generators.eg3d import EG3D
from gantoolkit.generators.stylegan2 import StyleGAN2
from gantoolkit.generators.stylegan3 import StyleGAN3

SHAPES, MEAN = FeatureShapes((8, 4, 4), ((8, 4, 4), (6, 8, 8)), 5), torch.zeros(6)


def modules(room) -> set[str]:
    return {file.stem for file in Path(room.__file__).parent.glob("*.py")} - {"__init__"}


def rows(room) -> list[str]:
    """Indented lines of a first page: what a component must offer."""
    return re.findall(r"^    (?! )(.+)$", room.__doc__, re.M)


def table(room) -> list[str]:
    """First words of the lines of a table of modules: `name  what it holds`."""
    return re.findall(r"^ *(\w+) {2,}\S", room.__doc__, re.M)


@pytest.mark.parametrize(
    "room", [cli, config, core, data, inference, planning, registry, training, weights]
)
def test_a_table_has_a_row_for_every_module(room):
    folders = {"prepare"} if room is data else set()
    assert sorted(table(room)) == sorted(modules(room) | folders)


@pytest.mark.parametrize("room", [encoders, bridges])
def test_a_first_page_names_every_module(room):
    assert modules(room) <= set(re.findall(r"\w+", room.__doc__))


def offers(component, contract: str) -> None:
    """Whether it has every name of rows like 'name …' and 'name(argument, other=default) …'."""
    name, arguments = re.match(r"(\w+)(?:\(([^)…]*)\))?", contract).groups()
    found = getattr(component, name)
    if arguments is not None:
        taken = inspect.signature(
            found.forward if isinstance(found, nn.Module) else found
        ).parameters
        named = [
            argument.split("=")[0].split()[0] for argument in arguments.split(", ") if argument
        ]
        assert set(named) <= taken.keys(), f"{type(component).__name__}.{name}"


@pytest.mark.parametrize(
    "make",
    [
        lambda: ControlNetEncoder(parts()),
        lambda: DiffusionEncoder(parts()),
        lambda: PyramidEncoder(resolution=32),
        lambda: MMFaceEncoder(mmface_parts()),
    ],
    ids=["controlnet", "diffusion", "pyramid", "mmface"],
)
def test_encoders_keep_their_contract(make):
    encoder = make()
    contracts = [row for row in rows(encoders) if row.split()[0] not in modules(encoders)]
    assert len(contracts) == 7
    for contract in [*contracts, "resolution", "device"]:
        offers(encoder, contract)


@pytest.mark.parametrize(
    "bridge",
    [Mapping(SHAPES, 4, 6, MEAN, 8), AbSM(SHAPES, 4, 6, MEAN, width=8)],
    ids=["mapping", "absm"],
)
def test_bridges_keep_their_contract(bridge):
    required = bridges.__doc__.partition("may have")[0]
    contracts = [row for row in rows(bridges) if row in required]
    assert len(contracts) == 3
    for contract in contracts:
        offers(bridge, contract)


@pytest.mark.parametrize("kind", [StyleGAN2, StyleGAN3, EG3D])
def test_generators_keep_their_contract(kind):
    more = (
        dict(plane_resolution=8, superresolution="2X", sr_input=8, sr_channels=(4, 4))
        if kind.is_3d
        else {}
    )
    generator = kind(8, 8, 16, channel_base=64, channel_max=8, **more)
    flat, solid = generators.load_generator.__doc__.split("In 3D also")
    for name in re.findall(
        r"(?<=[` ])\.(\w+(?:\([^)…]*\))?)", flat + solid if kind.is_3d else flat
    ):
        offers(generator, name)
