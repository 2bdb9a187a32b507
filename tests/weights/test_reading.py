"""What ships is read; names of earlier versions in metadata are replaced by those of today."""

import json

import pytest
import torch

from gantoolkit import weights
from gantoolkit.config import signature
from gantoolkit.registry import manifest

SHIPPED = [
    name
    for name, entry in manifest.load().weights.items()
    if str(entry.get("file", "")).endswith(".safetensors")
]


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_file_has_arguments_that_its_component_takes(name):
    _, arch, metadata = weights.load(name)
    specs = [arch]
    if "pipeline" in metadata:
        pipeline = json.loads(metadata["pipeline"])
        specs += [pipeline["encoder"], pipeline["bridge"]]
    for spec in specs:
        entry = next(
            entries[spec["type"]]
            for entries in manifest.load().components.values()
            if spec["type"] in entries
        )
        assert spec.keys() - {"type"} <= set(signature.of(entry).names)
    assert arch == weights.architecture(weights.resolve(name))


def test_old_names_are_replaced_where_the_component_takes_the_new_one(tmp_path):
    old = {"type": "Mapping", "width": 8, "normalise": True, "early": 3}
    path = weights.save(
        tmp_path / "old.safetensors",
        {"a": torch.ones(2)},
        old,
        pipeline=json.dumps({"bridge": {"type": "AbSM", "mapping": {"normalise": True}}}),
    )
    _, arch, metadata = weights.load(path)
    assert arch == {"type": "Mapping", "width": 8, "normalize": True, "early": 3}
    pipeline = json.loads(metadata["pipeline"])
    assert pipeline == {"bridge": {"type": "AbSM", "mapping": {"normalize": True}}}


def test_an_old_component_is_replaced(monkeypatch):
    monkeypatch.setitem(manifest.load().renamed["components"], "Projection", ["Mapping"])
    spec = {"parts": [{"type": "Projection", "normalise": False}]}
    assert weights.with_current_names(spec) == {"parts": [{"type": "Mapping", "normalize": False}]}


def test_what_nobody_knows_stays_as_it_is():
    spec = {"type": "Unheard", "normalise": 1, "start": {"share": 2}}
    assert weights.with_current_names(spec) == spec
