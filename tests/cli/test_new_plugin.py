"""`gantoolkit new plugin`: what it writes installs with pip, is listed, trains by name, passes
its test.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gantoolkit.cli import main, new_plugin
from gantoolkit.core.errors import UsageError

ROOT = Path(main.__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """(plugin folder, environment) of a new plugin, installed by pip into a folder of its own."""
    folder = tmp_path_factory.mktemp("new")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GANTOOLKIT")}
    assert main.main(["new", "plugin", "my-gan", "--out", str(folder)]) == 0
    plugin, site = folder / "gantoolkit-my-gan", folder / "site"
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "-q",
            "--no-deps",
            "--no-build-isolation",
            "--no-index",
            "--target",
            str(site),
            str(plugin),
        ],
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    return plugin, {**environment, "PYTHONPATH": os.pathsep.join((str(ROOT), str(site)))}


def python(environment, *arguments, cwd):
    return subprocess.run(
        [sys.executable, *arguments], text=True, capture_output=True, env=environment, cwd=cwd
    )


def test_it_is_listed_and_explained(installed, tmp_path):
    _, environment = installed
    listed = python(environment, "-m", "gantoolkit", "list", "generators", cwd=tmp_path).stdout
    assert "MyGan" in listed and "[plugin my-gan]" in listed
    shown = python(environment, "-m", "gantoolkit", "show", "MyGan", cwd=tmp_path).stdout
    assert "resolution: int = 64" in shown


def test_its_own_test_passes(installed):
    plugin, environment = installed
    done = python(
        environment, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(plugin), cwd=plugin
    )
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout + done.stderr


def test_a_config_uses_it_by_name(installed, tmp_path, tiny_zip):
    """One iteration of training, and its exported weights load as the plugin's generator."""
    _, environment = installed
    (tmp_path / "mine.py").write_text(f'''
_base_ = "configs/pretrain/stylegan2.py"
name = "mine"
data = "{tiny_zip}"
generator = dict(type="MyGan", resolution=32)
schedule = dict(iterations=1, batch=2, precision="fp32", final_validate=False)
''')
    done = python(environment, "-m", "gantoolkit", "run", "mine.py", cwd=tmp_path)
    assert done.returncode == 0 and "my-gan saw the end of runs/mine" in done.stdout, done.stderr[
        -2000:
    ]
    code = (
        "import sys; from gantoolkit.generators import load_generator\n"
        "print(type(load_generator(sys.argv[1])).__module__)"
    )
    exported = next((tmp_path / "runs" / "mine" / "export").glob("*.safetensors"))
    loaded = python(environment, "-c", code, str(exported), cwd=tmp_path)
    assert loaded.stdout.strip() == "gantoolkit_my_gan.generator", loaded.stderr
    wrong = python(
        environment, "-m", "gantoolkit", "show", "mine.py", "generator.resolutoin=3", cwd=tmp_path
    )
    assert wrong.returncode == 2 and "did you mean 'resolution'" in wrong.stderr


@pytest.mark.parametrize(
    "name, taken",
    [
        ("eg3d", "component EG3D"),
        ("style-gan2", "component StyleGAN2"),
        ("style-gan2_", "is not a valid plugin name"),
        ("annyfaces", "a plugin 'annyfaces'"),
    ],
)
def test_names_that_are_taken(tmp_path, name, taken):
    with pytest.raises(UsageError, match=taken):
        new_plugin.write(name, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name, camel", [("my-gan", "MyGan"), ("x", "X"), ("a_b2", "AB2")])
def test_names(tmp_path, name, camel):
    folder = new_plugin.write(name, tmp_path)
    text = "".join(f.read_text() for f in folder.rglob("*") if f.is_file())
    assert f"class {camel}(" in text and "myplugin" not in text.lower()
    with pytest.raises(Exception, match="not empty"):
        new_plugin.write(name, tmp_path)
