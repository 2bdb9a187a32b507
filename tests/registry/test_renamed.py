"""Names of earlier versions: each is refused in one sentence that says the name of today."""

import pytest

from gantoolkit.cli import main
from gantoolkit.core.errors import UsageError
from gantoolkit.registry import manifest, messages, registry

SOURCE = """
class Toy:
    def __init__(self, data: str, fraction: float = 0.5, bridge: dict | None = None): ...

class Block:
    def __init__(self, width: int = 1, normalize: bool = True): ...
"""


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A task `toy`, a bridge `Block`, and names that they had before."""
    (tmp_path / "renamed_source.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    index = manifest.load()
    for kind, name, attribute in (("task", "toy", "Toy"), ("bridge", "Block", "Block")):
        entry = {"module": f"renamed_source:{attribute}", "owner": "gantoolkit"}
        monkeypatch.setitem(index.components[kind], name, entry)
    old_names = dict(
        keys={"portion": ["ratio", "fraction"], "broad": ["width"], "iters": ["iterations"]},
        components={"Brick": ["Block"]},
        hooks={"batch_done": ["on_log"]},
        commands={"lst": ["list"], "figure looks": ["figure views"]},
        modules={"gantoolkit.ancient": ["gantoolkit.core"]},
    )
    monkeypatch.setattr(index, "renamed", old_names)
    config = tmp_path / "toy.py"
    config.write_text('task = "toy"\ndata = "x"\nbridge = dict(type="Block")\n')
    return config


@pytest.mark.parametrize(
    "override, new",
    [
        ("portion=0.5", "fraction"),
        ("bridge.broad=3", "width"),
        ("bridge.type=Brick", "Block"),
        ("schedule.iters=3", "iterations"),
    ],
)
def test_a_config_with_an_old_name_is_refused_with_the_new_one(toy, capsys, override, new):
    assert main.main(["show", str(toy), override]) == 2
    message = capsys.readouterr().err
    assert f"now called '{new}'" in message and message.count("\n") == 1


def test_an_old_name_is_told_only_where_the_new_one_is_taken():
    assert messages.new_name("keys", "share", ["mapping_fraction", "lr"]) == "mapping_fraction"
    assert messages.new_name("keys", "share", ["lr"]) is None


@pytest.mark.parametrize("typed, new", [("lst", "list"), ("figure looks x", "figure views")])
def test_an_old_command_is_refused_with_the_new_one(toy, capsys, typed, new):
    assert main.main(typed.split()) == 2
    assert f"now called '{new}'" in capsys.readouterr().err


def test_building_with_old_names_is_refused_with_the_new_ones(toy):
    with pytest.raises(UsageError, match="now called 'Block'"):
        registry.get("bridge", "Brick")
    with pytest.raises(UsageError, match="now called 'width'"):
        registry.build("bridge", dict(type="Block", broad=2))


def test_a_component_in_an_old_module_says_where_it_is_now(toy, monkeypatch):
    entry = {"module": "gantoolkit.ancient:X", "owner": "gantoolkit"}
    monkeypatch.setitem(manifest.load().components["bridge"], "Old", entry)
    with pytest.raises(UsageError, match="gantoolkit.ancient is now called gantoolkit.core"):
        registry.get("bridge", "Old")


def test_renamed_names_exist():
    """What registry.yaml calls new is a hook, a component, or a module of today."""
    from importlib.util import find_spec

    from gantoolkit.registry import plugins

    renamed = manifest.load().renamed
    components = {name for names in manifest.load().components.values() for name in names}
    assert {new for names in renamed["hooks"].values() for new in names} <= set(
        plugins.hook_names()
    )
    assert {new for names in renamed["components"].values() for new in names} <= components
    for names in renamed["modules"].values():
        for name in names:
            assert name.startswith("gantoolkit_") or find_spec(name), name
