"""`plugin check` and `run`: a plugin that lacks something is named with its file and the remedy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import mini
import pytest

from gantoolkit import weights
from gantoolkit.cli import main, new_plugin
from gantoolkit.core.errors import UsageError
from gantoolkit.registry import manifest, plugins
from gantoolkit.registry.registry import REGISTRIES, build

PLUGINS = Path(main.__file__).parents[2] / "plugins"
KINDS = ("generator", "bridge", "encoder", "loss", "metric", "task")


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """plugin(kind, {old text: new text}) → the project folder of a changed template."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("GANTOOLKIT_PLUGINS", "")

    def write(kind: str, changes: dict[str, str] | None = None) -> Path:
        folder = new_plugin.write("my-own", tmp_path, kind)
        component = folder / "gantoolkit_my_own" / f"{kind}.py"
        text = component.read_text()
        for old, new in (changes or {}).items():
            assert old in text
            text = text.replace(old, new)
        component.write_text(text)
        return folder

    yield write
    for module in [name for name in sys.modules if name.startswith("gantoolkit_my_own")]:
        del sys.modules[module]
    for registry in REGISTRIES.values():
        registry._module_dict.pop("MyOwn", None)
    manifest.load.cache_clear()
    plugins.manager.cache_clear()


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_plugin_of_every_kind_keeps_its_contract(plugin, kind, capsys):
    assert main.main(["plugin", "check", str(plugin(kind))]) == 0
    assert f"  {kind} MyOwn: keeps its contract (" in capsys.readouterr().out


@pytest.mark.parametrize(
    "kind, changes, words",
    [
        (
            "generator",
            {"is_3d = False\n": "\n"},
            "of the plugin 'my-own' (FILE): it lacks 'is_3d'; add it: whether it is rendered",
        ),
        (
            "generator",
            {"Render(self.to_rgb(x).tanh())": "Render(self.to_rgb(x[..., ::2, ::2]).tanh())"},
            "(FILE): the image of render(ws) is [2, 3, 32, 32]; make it [2, 3, 64, 64]",
        ),
        (
            "loss",
            {'compares = "image"': 'compares = "faces"'},
            "(FILE): compares is 'faces'; choose of",
        ),
    ],
)
def test_what_is_wrong_is_said_with_plugin_and_file(plugin, kind, changes, words, capsys):
    folder = plugin(kind, changes)
    assert main.main(["plugin", "check", str(folder)]) == 1
    file = folder / "gantoolkit_my_own" / f"{kind}.py"
    assert words.replace("FILE", str(file)) in capsys.readouterr().out


def test_a_plugin_that_cannot_be_imported_or_is_none(plugin, tmp_path, capsys):
    folder = plugin("loss")
    (folder / "gantoolkit_my_own" / "hooks.py").write_text("import no_such_module")
    assert main.main(["plugin", "check", str(folder)]) == 2
    assert "The plugin 'my-own' cannot be used: ModuleNotFoundError" in capsys.readouterr().err
    assert main.main(["plugin", "check", str(tmp_path)]) == 2
    assert "holds no pyproject.toml" in capsys.readouterr().err


def test_what_needs_arguments_says_where_to_give_them(plugin, capsys):
    folder = plugin("loss", {"weight: float = 1.0": "weight: float"})
    assert main.main(["plugin", "check", str(folder)]) == 0
    assert "not tested; it needs weight: give them as `example" in capsys.readouterr().out
    registry = folder / "gantoolkit_my_own" / "registry.yaml"
    registry.write_text(
        registry.read_text().replace("# example: {argument: value}", "example: {weight: 2.0} ")
    )
    assert main.main(["plugin", "check", str(folder)]) == 0
    assert "keeps its contract" in capsys.readouterr().out


def test_an_example_may_be_a_function_that_writes_files(plugin, capsys):
    folder = plugin("loss", {"weight: float = 1.0": "weights: str, weight: float = 1.0"})
    (folder / "gantoolkit_my_own" / "examples.py").write_text(
        "def arguments(folder):\n"
        "    assert not list(folder.iterdir())\n"
        "    (folder / 'weights').touch()\n"
        "    return {'weights': str(folder / 'weights')}\n"
    )
    registry = folder / "gantoolkit_my_own" / "registry.yaml"
    named = registry.read_text().replace(
        "# example: {argument: value}", "example: gantoolkit_my_own.examples:arguments "
    )
    registry.write_text(named)
    assert main.main(["plugin", "check", str(folder)]) == 0
    assert "keeps its contract" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("name", ["stylize", "baselines"])
def test_every_component_in_tree_is_tested_and_keeps_its_contract(name):
    folder = PLUGINS / name
    if not folder.is_dir():
        pytest.skip("plugins/ is not part of an installed package")
    command = [sys.executable, "-m", "gantoolkit", "plugin", "check", str(folder)]
    done = subprocess.run(command, text=True, capture_output=True, check=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("  ")]
    assert lines and all("keeps its contract (" in line for line in lines), done.stdout


def test_a_run_names_the_plugin_and_the_file_before_anything_is_cached(
    plugin, tmp_path, tiny_zip, monkeypatch
):
    halved = "Render(self.to_rgb(x[..., ::2, ::2]).tanh())"
    folder = plugin("generator", {"Render(self.to_rgb(x).tanh())": halved})
    monkeypatch.setenv("GANTOOLKIT_PLUGINS", str(folder))
    manifest.load.cache_clear()
    generator = build("generator", dict(type="MyOwn", resolution=32))
    file = tmp_path / "own.safetensors"
    weights.save(file, generator.state_dict(), dict(type="MyOwn", resolution=32))
    with pytest.raises(UsageError) as caught:
        mini.make(tmp_path, tiny_zip, generator=str(file))
    said = str(caught.value)
    assert said.startswith("The generator MyOwn of the plugin 'my-own' (")
    assert "gantoolkit_my_own/generator.py): the image of one code is [1, 3, 16, 16]" in said
    assert "let render return [B,3,32,32], or correct resolution" in said
    assert not (tmp_path / "cache").exists()


def test_a_member_that_is_missing_is_said_when_the_component_is_built(plugin, monkeypatch):
    folder = plugin("encoder", {"def trace": "def traces"})
    monkeypatch.setenv("GANTOOLKIT_PLUGINS", str(folder))
    manifest.load.cache_clear()
    said = r"The encoder MyOwn of the plugin 'my-own' \(.*encoder.py\): it lacks 'trace'; add it"
    with pytest.raises(UsageError, match=said):
        build("encoder", dict(type="MyOwn"))


def test_a_member_that_training_needs_is_said_before_anything_is_cached(
    plugin, tmp_path, tiny_zip, monkeypatch
):
    folder = plugin("bridge", {"def modulation_parameters": "def parameters_of_t"})
    monkeypatch.setenv("GANTOOLKIT_PLUGINS", str(folder))
    manifest.load.cache_clear()
    said = r"The bridge MyOwn of the plugin 'my-own' \(.*bridge.py\): it lacks 'modulation_param"
    with pytest.raises(UsageError, match=said):
        mini.make(tmp_path, tiny_zip, bridge=dict(type="MyOwn"))
    assert not (tmp_path / "cache").exists()
