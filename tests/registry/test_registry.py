"""Lazy registries, and registry.yaml against the code, both ways."""

import ast
import re
from dataclasses import fields
from pathlib import Path
from typing import get_type_hints

import pytest
import torch

from gantoolkit.config import signature
from gantoolkit.config.validate import DATACLASSES, FROM_RUNNER
from gantoolkit.core.errors import UsageError
from gantoolkit.registry import manifest, registry

ROOT = Path(manifest.__file__).parents[2]
OWN = [
    (kind, name, entry)
    for kind, entries in manifest.load().components.items()
    for name, entry in entries.items()
    if entry["owner"] == manifest.GROUP
]
TASKS = {  # of the package and of the plugins beside it
    name: entry
    for name, entry in manifest.load().components["task"].items()
    if manifest.load().providers[entry["owner"]].root.is_relative_to(ROOT)
}
BASES = {"Task": "task"}  # a class of ours with one of these bases must be listed


@registry.REGISTRIES["bridge"].register_module("ForTests")
class ForTests(torch.nn.Module):
    def __init__(self, width: int, depth: int = 2):
        super().__init__()
        self.width, self.depth = width, depth


def test_build_takes_config_and_extra():
    built = registry.build("bridge", dict(type="ForTests", depth=3), width=4)
    assert (built.width, built.depth) == (4, 3)


@pytest.mark.parametrize(
    "kind, spec, words",
    [
        ("bridge", dict(type="ForTest"), ["no bridge 'ForTest'", "did you mean 'ForTests'"]),
        ("bridge", dict(type="ForTests", widht=3), ["no argument 'widht'", "did you mean 'width'"]),
        ("bridge", dict(type="ForTests"), ["needs width"]),
        ("bridge", dict(depth=1), ["needs type='NAME'"]),
        ("brigde", dict(type="X"), ["no kind 'brigde'", "did you mean 'bridge'"]),
    ],
)
def test_mistakes_are_sentences(kind, spec, words):
    with pytest.raises(UsageError) as caught:
        registry.build(kind, spec)
    assert all(word in str(caught.value) for word in words) and "\n" not in str(caught.value)


def test_unknown_name_of_an_external_plugin_says_how_to_install(monkeypatch):
    faraway = {
        "install": "pip install faraway",
        "provides": ["generator/Far"],
        "owner": "gantoolkit",
    }
    monkeypatch.setattr(manifest.load(), "external", {"faraway": faraway})
    with pytest.raises(UsageError, match="pip install faraway"):
        registry.get("generator", "Far")


def test_component_that_cannot_be_imported_names_its_owner(monkeypatch):
    entry = {"module": "gantoolkit.no_such:X", "owner": "gantoolkit"}
    monkeypatch.setitem(manifest.load().components["generator"], "Torn", entry)
    with pytest.raises(UsageError, match="'Torn' of gantoolkit .* cannot be imported"):
        registry.get("generator", "Torn")


@pytest.mark.parametrize("kind, name, entry", OWN, ids=[f"{k}-{n}" for k, n, _ in OWN])
def test_every_entry_exists_and_its_source_agrees(kind, name, entry):
    import inspect

    component = registry.get(kind, name)
    read = signature.of(entry)
    assert entry.get("summary") and len(entry["summary"]) < 110
    assert read is not None and not read.open, f"{name} takes **kwargs; name its arguments"
    parameters = inspect.signature(component).parameters if has_init(component) else {}
    names = []
    for name in parameters:
        if name == "config":  # a dataclass: its fields are the config's keys
            hints = get_type_hints(component.__init__)
            names += [field.name for field in fields(hints["config"])]
        else:
            names.append(name)
    assert read.names == names


@pytest.mark.parametrize("name", TASKS)
def test_every_key_of_a_task_says_what_it_means(name):
    """`gantoolkit show TASK` prints the comment beside each field of its config."""
    arguments = signature.of(TASKS[name]).arguments
    comments = {a.name: a.comment for a in arguments if a.name not in FROM_RUNNER}
    assert comments and [key for key, comment in comments.items() if not comment] == []


@pytest.mark.parametrize("name", DATACLASSES)
def test_every_key_of_a_dict_says_what_it_means(name):
    module, _, attribute = DATACLASSES[name].partition(":")
    arguments = signature.read(module, attribute).arguments
    assert arguments and [a.name for a in arguments if not a.comment] == []


def has_init(component) -> bool:
    inherited = (object.__init__, torch.nn.Module.__init__)
    return not isinstance(component, type) or component.__init__ not in inherited


def classes():
    """(kind, module:class) of every class whose base makes it a component, bases of others
    excepted.
    """
    found = list(_classes())
    bases = {base.rpartition(".")[2] for _, _, bases in found for base in bases}
    return [
        (kind, module)
        for kind, module, _ in found
        if kind and module.partition(":")[2] not in bases
    ]


def _classes():
    for file in sorted((ROOT / "gantoolkit").rglob("*.py")):
        module = ".".join(file.relative_to(ROOT).with_suffix("").parts)
        if "templates" in file.parts:
            continue
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                bases = [ast.unparse(base) for base in node.bases]
                if any(base in BASES for base in bases) or "tasks" in module:
                    yield (
                        next((BASES[b] for b in bases if b in BASES), None),
                        f"{module}:{node.name}",
                        bases,
                    )


@pytest.mark.parametrize("kind, module", classes())
def test_every_task_of_the_code_is_listed(kind, module):
    assert module in {entry["module"] for entry in manifest.load().components[kind].values()}


def test_weights_and_data_are_described():
    index = manifest.load()
    for name, entry in {**index.weights, **index.data}.items():
        assert entry.get("licence"), name
        if "file" not in entry:
            assert re.fullmatch("[0-9a-f]{8,64}", entry.get("sha256", "00000000")), name
            continue
        assert re.fullmatch("[0-9a-f]{64}", entry.get("sha256", "")), name
        assert index.file(entry).exists(), name
        if entry.get("recipe"):
            assert (manifest.package_root() / entry["recipe"]).is_file(), (
                f"{name}: {entry['recipe']}"
            )


def test_presets_name_configs_that_exist():
    from gantoolkit.config import loader

    assert all(loader.find_config(name).is_file() for name in manifest.load().presets)
