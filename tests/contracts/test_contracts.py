"""Contract tests: our own components keep them, and every broken promise is named."""

from __future__ import annotations

import importlib.util
import sys
from importlib import import_module
from pathlib import Path

import pytest
import torch
from tiny import parts

import gantoolkit
from gantoolkit.contracts.contract import Contract
from gantoolkit.contracts.run import check_component
from gantoolkit.core.errors import UsageError
from gantoolkit.core.types import Latent, Render
from gantoolkit.encoders.controlnet import ControlNetEncoder
from gantoolkit.registry import contracts, manifest
from gantoolkit.registry.registry import REGISTRIES
from gantoolkit.training.runner import build_task

SMALL = dict(z_dim=8, w_dim=8, resolution=16, channel_base=64, channel_max=8)
EG3D = SMALL | dict(
    plane_resolution=8, superresolution="2X", sr_input=8, sr_channels=(4, 4), rays=8, samples=4
)
OWN = [
    ("generator", "StyleGAN2", SMALL),
    ("generator", "StyleGAN3", SMALL),
    ("generator", "EG3D", EG3D),
    ("bridge", "AbSM", dict(width=8)),
    ("bridge", "Mapping", dict(width=8, pyramid=4)),
    ("encoder", "PyramidEncoder", dict(resolution=32)),
    ("loss", "L2", {}),
    ("loss", "LatentNorm", {}),
    ("loss", "Perceptual", dict(network="parser")),
    ("loss", "Identity", dict(network="arcface")),
    ("network", "ArcFace", dict(size=32, units=((8, 1), (8, 1)), embedding=16)),
]


@pytest.mark.parametrize("kind, name, arguments", OWN, ids=[name for _, name, _ in OWN])
def test_our_components_keep_their_contracts(kind, name, arguments):
    assert check_component(kind, name, **arguments) > 0


def test_our_encoder_keeps_its_contract():
    encoder = ControlNetEncoder(parts(), steps=3)
    contract = Contract("encoder", encoder)
    import_module("gantoolkit.contracts.encoder").check(contract, encoder, {})
    assert contract.kept > 12


# `obedience` has no score by a judge that cannot read; tests/metrics/test_obedience.py has one.
@pytest.mark.parametrize("name", sorted({*manifest.load().components["metric"]} - {"obedience"}))
def test_our_metrics_keep_their_contract(name):
    assert check_component("metric", name) > 0


def template(kind: str):
    """The class of a template, fresh, registered under its own name."""
    file = Path(gantoolkit.__file__).parent / "templates" / "component" / f"{kind}.py"
    spec = importlib.util.spec_from_file_location(f"template_{kind}", file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    return module.MyPlugin


def failure(kind: str, cls: type, **arguments) -> str:
    """What the contract says of a class; "" where it keeps all promises."""
    REGISTRIES[kind].register_module("MyPlugin", module=cls, force=True)
    arch = {"type": "MyPlugin", **arguments}
    try:
        if kind == "task":
            component = build_task({"task": "MyPlugin", **arguments}, torch.device("cpu"), 0)
        else:
            given = import_module("gantoolkit.contracts.bridge").arguments()
            component = cls(**arguments, **(given if kind == "bridge" else {}))
        contracts.check_members(kind, component)
        contracts.check_members(kind, component, training=True)
        import_module(f"gantoolkit.contracts.{kind}").check(
            Contract(kind, component), component, arch
        )
    except UsageError as error:
        return str(error)
    return ""


def without(name: str):
    def change(cls):
        def hidden(self):
            raise AttributeError(name)

        return {name: property(hidden)}

    return change


def attribute(**values):
    return lambda cls: values


def method(name: str, wrap):
    """Replace a method by wrap(what it returned, self)."""

    def change(cls):
        original = getattr(cls, name)
        return {name: lambda self, *a, **k: wrap(original(self, *a, **k), self)}

    return change


def noisy(render, _):
    return Render(render.image + torch.rand(()) * 0.1)


def centered(render, _):
    return Render(render.image - render.image.mean(0, keepdim=True))


def one_step_more(trace, _):
    steps = list(trace)
    return iter([*steps, steps[-1]])


BROKEN = [
    ("generator", without("mean_w"), "it lacks 'mean_w'; add it: the mean code"),
    ("generator", attribute(is_3d="no"), "is_3d is 'no'; say True or False"),
    ("generator", attribute(is_3d=True), "is_3d is True, but render(ws) has no depth"),
    ("generator", method("render", lambda r, _: r.image), "render(ws) is a Tensor; return a"),
    (
        "generator",
        method("render", lambda r, _: Render(r.image[..., ::2, ::2])),
        "the image of render(ws) is [2, 3, 32, 32]; make it [2, 3, 64, 64]",
    ),
    ("generator", method("render", lambda r, _: r.detach()), "no gradient of the image reaches"),
    ("generator", method("render", noisy), "two renders of the same codes differ"),
    ("generator", method("render", centered), "depends on the others of its batch"),
    ("generator", method("render", lambda r, _: 1 / 0), "raised ZeroDivisionError"),
    ("generator", method("state_dict", lambda s, _: {"x": torch.ones(1)}), "load_generator"),
    ("bridge", method("mapping_parameters", lambda p, _: []), "mapping_parameters() is empty"),
    ("bridge", method("modulation_parameters", lambda p, s: s.parameters()), "share parameters"),
    ("bridge", method("forward", lambda z, _: z.ws), "is a Tensor; return a"),
    (
        "bridge",
        method("forward", lambda z, _: Latent(z.ws[:, 0])),
        "raised ValueError: ws has shape",
    ),
    ("bridge", method("forward", lambda z, _: z.detach()), "gradient of bridge(features"),
    ("encoder", without("latent_shape"), "it lacks 'latent_shape'"),
    ("encoder", attribute(condition="words"), "condition is 'words'; choose of"),
    ("encoder", method("trajectory", lambda v, _: (v[0][:, 0], v[1])), "z_t of trajectory is"),
    ("encoder", method("trace", one_step_more), "trace yields 2 steps; yield one of 1"),
    ("encoder", attribute(generates=True), "the last step has no x0"),
    ("loss", attribute(compares="words"), "compares is 'words'"),
    (
        "loss",
        method("forward", lambda v, _: v.expand(2)),
        "the value of forward is [2]; make it []",
    ),
    ("loss", method("forward", lambda v, _: v.detach()), "no gradient reaches what it judges"),
    ("metric", without("max_replicates"), "it lacks 'max_replicates'"),
    ("metric", method("values", lambda v, _: v.mean()), "update and compute raised"),
    ("metric", method("values", lambda v, _: v / len(v)), "of two merged halves is"),
    ("metric", method("values", lambda v, _: v * torch.nan), "counts 0 samples|is nan"),
    (
        "task",
        method("__init__", lambda _, s: s.__dict__.pop("optimizers") and None),
        "it lacks 'optimizers'",
    ),
    ("task", method("size", lambda n, _: 0), "size() is 0"),
    ("task", method("losses", lambda v, _: {}), "losses('fit', …) is empty"),
    ("task", method("losses", lambda v, _: dict(l2=v["l2"].detach())), "gradient of losses"),
    (
        "task",
        method("losses", lambda v, s: dict(l2=v["l2"] + next(COUNTER))),
        "of the same batch is another the second time",
    ),
    ("task", method("__init__", lambda _, s: s.modules.clear()), "no module in `modules`"),
    ("task", method("export", lambda p, _: [Path("nowhere")]), "export names ['nowhere']"),
]
COUNTER = iter(range(100))


@pytest.mark.parametrize("kind", ["generator", "bridge", "encoder", "loss", "metric", "task"])
def test_templates_keep_their_contracts(kind):
    assert failure(kind, template(kind)) == ""


@pytest.mark.parametrize(
    "kind, change, words", BROKEN, ids=[f"{kind}-{i}" for i, (kind, _, _) in enumerate(BROKEN)]
)
def test_broken_promises_are_named(kind, change, words):
    cls = template(kind)
    said = failure(kind, type("MyPlugin", (cls,), change(cls)))
    assert any(word in said for word in words.split("|")), said
    assert said.startswith(f"The {kind} MyPlugin") and "gantoolkit plugin check DIR" in said
