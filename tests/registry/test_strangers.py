"""Whatever lies in somebody else's dist-info, pyproject.toml or registry.yaml stops no command."""

import sys

import pytest

from gantoolkit.cli import doctor
from gantoolkit.cli.main import main
from gantoolkit.core.errors import DataError
from gantoolkit.registry import manifest, plugins
from gantoolkit.registry.content import read_yaml

ENTRY = b"[gantoolkit]\nstranger = stranger\n"
DIST_INFOS = {  # entry_points.txt and METADATA → what is said; None: it is a working plugin
    "no metadata": (ENTRY, None, None),
    "metadata in latin-1": (
        ENTRY,
        "Name: stranger\nVersion: 1\nAuthor: Müller".encode("latin-1"),
        None,
    ),
    "empty metadata": (ENTRY, b"", None),
    "hyphen": (b"[gantoolkit]\nstranger = my-gan.hooks\n", b"Name: x", "not the name of a module"),
    "no module": (
        b"[gantoolkit]\nstranger = not a module!\n",
        b"Name: x",
        "not the name of a module",
    ),
    "gone": (b"[gantoolkit]\nstranger = package_gone.x\n", b"Name: x", "cannot be found"),
    "no equals sign": (b"[gantoolkit]\nstranger\n", b"Name: x", "entry_points.txt cannot be read"),
    "other encoding": (b"[gui]\n\xff = x\n", b"Name: x", "entry_points.txt cannot be read"),
    "utf-16": (ENTRY.decode().encode("utf-16"), b"Name: x", "entry_points.txt cannot be read"),
}
PROJECTS = {
    "table is text": b'[project]\n[project.entry-points]\ngantoolkit = "x"\n',
    "groups are text": b'[project]\nentry-points = "x"\n',
    "project is text": b'project = "x"\n',
    "module is a number": b"[project]\n[project.entry-points.gantoolkit]\nfolder = 3\n",
    "latin-1": "# Müller\n[project]\n".encode("latin-1"),
    "no toml": b"[project\n",
    "empty": b"",
    "zeros": bytes(64),
}
REGISTRIES = {
    "torn": b"components: [1, 2\n",
    "list": b"- a\n- b\n",
    "text": b"hello",
    "gbk": "components: {}  # 我的\n".encode("gbk"),
    "section is a list": b"weights: [a, b]\n",
    "entry is text": b"components: {generator: {X: hello}}\n",
    "no module": b"components: {generator: {X: {summary: mine}}}\n",
    "module is a number": b"components: {generator: {X: {module: 3}}}\n",
    "summary is a list": b'components: {generator: {X: {module: "a:B", summary: [1]}}}\n',
    "nested is a list": b'components: {bridge: {X: {module: "a:B", nested: [1]}}}\n',
    "preset without config": b"presets: {x: {summary: mine}}\n",
    "bytes are text": b"weights: {x: {file: a, bytes: many}}\n",
    "name is a number": b"weights: {1: {file: a}}\n",
    "command is a number": b"commands: {3: {summary: a}}\n",
    "external without install": b"external: {x: {summary: a}}\n",
    "renamed": b"renamed: {keys: {a: 3}}\n",
    "python object": b"weights: !!python/object/apply:os.getcwd []\n",
    "date": b"weights: {x: {summary: 2024-99-99}}\n",
}


@pytest.fixture
def fresh(monkeypatch):
    """Read the manifest anew in this test, and again after it."""
    monkeypatch.setattr(sys, "path", list(sys.path))

    def clear():
        manifest.load.cache_clear()
        plugins.manager.cache_clear()

    clear()
    yield clear
    monkeypatch.undo()
    clear()


def check_commands(name, capsys, said=None):
    """Run what reads the manifest; `doctor` names what is broken."""
    for command in (["list"], ["list", "plugins"], ["show", "StyleGAN2"], ["show", "eg3d-mask"]):
        assert main(command) == 0, command
    assert main(["weights", "convert", "absent.pt"]) == 1
    assert "Traceback" not in capsys.readouterr().err
    (finding,) = [one for one in doctor.plugins(quick=True) if f"'{name}'" in one.what]
    if said is not None:
        assert finding.state == doctor.NOTE and said in finding.what


@pytest.mark.parametrize("case", DIST_INFOS)
def test_installed_distributions(tmp_path, monkeypatch, fresh, capsys, case):
    entry_points, metadata, said = DIST_INFOS[case]
    folder = tmp_path / "stranger-1.0.dist-info"
    folder.mkdir()
    (folder / "entry_points.txt").write_bytes(entry_points)
    if metadata is not None:
        (folder / "METADATA").write_bytes(metadata)
    (tmp_path / "stranger.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    fresh()
    check_commands("stranger", capsys, said)
    assert bool(manifest.load().providers["stranger"].error) == (said is not None)


@pytest.mark.parametrize("case", PROJECTS)
def test_projects_of_folder_plugins(tmp_path, monkeypatch, fresh, capsys, case):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "pyproject.toml").write_bytes(PROJECTS[case])
    monkeypatch.setenv("GANTOOLKIT_PLUGINS", str(folder))
    fresh()
    check_commands("folder", capsys, "pyproject.toml")


@pytest.mark.parametrize("case", REGISTRIES)
def test_registries_of_plugins(tmp_path, monkeypatch, fresh, capsys, case):
    package = tmp_path / "folder" / "package"
    package.mkdir(parents=True)
    (package / "registry.yaml").write_bytes(REGISTRIES[case])
    (package / "__init__.py").write_text("")
    (tmp_path / "folder" / "pyproject.toml").write_bytes(
        b'\xef\xbb\xbf[project]\nname = "p"\n[project.entry-points.gantoolkit]\nmine = "package"\n'
    )
    monkeypatch.setenv("GANTOOLKIT_PLUGINS", str(tmp_path / "folder"))
    fresh()
    check_commands("mine", capsys, "registry.yaml")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_marked_registry_works(tmp_path, encoding):
    file = tmp_path / "registry.yaml"
    file.write_bytes('data: {x: {summary: "我的"}}\n'.encode(encoding))
    assert read_yaml(file) == {"data": {"x": {"summary": "我的"}}}


def test_broken_yaml_names_its_line(tmp_path):
    (tmp_path / "a.yaml").write_text("a: 1\nb: [\nc: }\n")
    with pytest.raises(DataError, match=r"a\.yaml, line [23]: it is not valid YAML"):
        read_yaml(tmp_path / "a.yaml")


def test_a_config_and_a_module_of_a_plugin_that_cannot_be_read(
    tmp_path, monkeypatch, fresh, capsys
):
    package = tmp_path / "folder" / "package"
    (package / "configs").mkdir(parents=True)
    (package / "configs" / "bad.py").write_bytes("# 中文\n".encode("gbk"))
    (package / "__init__.py").write_text("")
    (package / "net.py").write_text("import sys; sys.exit(3)\ndef broken(:\n")
    (package / "registry.yaml").write_text(
        'components: {generator: {Torn: {module: "package.net:Torn"}}}\n'
    )
    (tmp_path / "folder" / "pyproject.toml").write_text(
        '[project]\n[project.entry-points.gantoolkit]\nmine = "package"\n'
    )
    monkeypatch.setenv("GANTOOLKIT_PLUGINS", str(tmp_path / "folder"))
    fresh()
    assert main(["list", "configs"]) == 0 and main(["show", "Torn"]) == 0
    assert "bad.py" in capsys.readouterr().out
