"""`gantoolkit new plugin`: what it writes installs with pip, is listed, is built by name, and passes its test."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gantoolkit import cli, scaffold

ROOT = Path(cli.__file__).parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """(plugin folder, environment) of a new plugin, installed by pip into a folder of its own."""
    folder = tmp_path_factory.mktemp("new")
    assert cli.main(["new", "plugin", "my-gan", "--out", str(folder)]) == 0
    plugin, site = folder / "gantoolkit-my-gan", folder / "site"
    done = subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation",
                           "--no-index", "--target", str(site), str(plugin)], text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    return plugin, {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(site)))}


def python(environment, *arguments, cwd):
    return subprocess.run([sys.executable, *arguments], text=True, capture_output=True, env=environment, cwd=cwd)


def test_it_is_listed_and_explained(installed, tmp_path):
    _, environment = installed
    listed = python(environment, "-m", "gantoolkit.cli", "list", "generators", cwd=tmp_path).stdout
    assert "MyGan" in listed and "[plugin my-gan]" in listed
    assert "resolution: int = 64" in python(environment, "-m", "gantoolkit.cli", "show", "MyGan", cwd=tmp_path).stdout


def test_its_own_test_passes(installed):
    plugin, environment = installed
    done = python(environment, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(plugin), cwd=plugin)
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout + done.stderr


def test_a_config_uses_it_by_name(installed, tmp_path):
    """A task that takes a generator gets the plugin's from a config; a mistyped argument is a sentence."""
    _, environment = installed
    (tmp_path / "mine.py").write_text('_base_ = "configs/pretrain/stylegan2.py"\n'
                                      'generator = dict(type="MyGan", resolution=32)\n')
    code = ("from gantoolkit import config, registry\nspec = config.load('mine.py').generator\n"
            "print(type(registry.build('generator', spec)).__name__)")
    done = python(environment, "-c", code, cwd=tmp_path)
    assert done.stdout.strip() == "MyGan", done.stderr
    wrong = python(environment, "-m", "gantoolkit.cli", "show", "mine.py", "generator.resolutoin=3", cwd=tmp_path)
    assert wrong.returncode == 2 and "did you mean 'resolution'" in wrong.stderr


@pytest.mark.parametrize("name, camel", [("my-gan", "MyGan"), ("x", "X"), ("a_b2", "AB2")])
def test_names(tmp_path, name, camel):
    folder = scaffold.write(name, tmp_path)
    text = "".join(f.read_text() for f in folder.rglob("*") if f.is_file())
    assert f"class {camel}(" in text and "myplugin" not in text.lower()
    with pytest.raises(Exception, match="not empty"):
        scaffold.write(name, tmp_path)
