"""Hooks: one test named after each, and a broken plugin never takes the others down."""

import inspect
import sys
from types import SimpleNamespace

import pytest

from gantoolkit import weights
from gantoolkit.core.errors import DataError, WeightsError
from gantoolkit.core.types import Record, Score
from gantoolkit.registry import hookspecs, manifest, plugins

GOOD = "from gantoolkit.registry.plugins import hookimpl\n"


@pytest.fixture
def load(tmp_path, monkeypatch):
    """load(name=source, …) → a plugin manager with folder plugins of these hooks."""

    monkeypatch.setattr(sys, "path", list(sys.path))

    def _load(**sources):
        folders = []
        for name, source in sources.items():
            sys.modules.pop(f"hooks_of_{name}", None)
            package = tmp_path / name / f"hooks_of_{name}"
            package.mkdir(parents=True)
            (package / "__init__.py").write_text(source)
            (tmp_path / name / "pyproject.toml").write_text(
                f'[project]\nname = "{name}"\n'
                f'[project.entry-points.gantoolkit]\n{name} = "hooks_of_{name}"\n'
            )
            folders.append(str(tmp_path / name))
        monkeypatch.setenv("GANTOOLKIT_PLUGINS", ":".join(folders))
        manifest.load.cache_clear()
        plugins.manager.cache_clear()
        return plugins.manager()

    yield _load
    manifest.load.cache_clear()
    plugins.manager.cache_clear()


@pytest.mark.parametrize(
    "source, reason",
    [
        ("import no_such_module", "ModuleNotFoundError"),
        ("1 / 0", "ZeroDivisionError"),
        ("def f(:", "SyntaxError"),
        ("raise SystemExit(3)", "SystemExit"),
        (GOOD + "@hookimpl\ndef run_startet(run): ...", "no hook run_startet"),
        (GOOD + "@hookimpl\ndef run_started(runn): ...", "runn"),
    ],
)
def test_a_broken_plugin_is_reported_and_left_out(load, capsys, source, reason):
    manager = load(
        bad=source, good=GOOD + "@hookimpl\ndef resolve_weights(name): return '/from/good'"
    )
    assert reason in manifest.load().providers["bad"].error
    assert not manager.has_plugin("bad") and manager.has_plugin("good")
    assert "the plugin 'bad'" in capsys.readouterr().err
    assert manager.hook.resolve_weights(name="x") == "/from/good"


def test_a_hook_that_fails_is_reported_once_and_left_out(load, capsys):
    load(bad=GOOD + "@hookimpl\ndef on_log(run): raise ValueError('no')")
    for _ in range(2):
        plugins.hooks().on_log(run=SimpleNamespace(folder="x"), iteration=1, losses={})
    assert capsys.readouterr().err.count("the plugin 'bad' failed in on_log") == 1
    assert manifest.load().providers["bad"].error == "ValueError: no"


def test_plugins_without_hooks_do_not_displace_each_other(load, capsys):
    manager = load(first="", second="")
    assert (
        manager.has_plugin("first") and manager.has_plugin("second") and not capsys.readouterr().err
    )


def test_a_hooks_own_sentence_reaches_the_user(load):
    load(
        p=GOOD + "from gantoolkit.core.errors import DataError\n"
        "@hookimpl\ndef resolve_weights(name): raise DataError('Buy them first.')"
    )
    with pytest.raises(DataError, match="Buy them first"):
        weights.resolve("mine")


def test_resolve_weights(load, tmp_path):
    file = tmp_path / "w.safetensors"
    file.write_bytes(b"")
    load(
        p=GOOD + "@hookimpl\ndef resolve_weights(name):\n"
        f"    return {str(file)!r} if name == 'mine' else None"
    )
    assert weights.resolve("mine") == file and weights.resolve(file) == file
    for name, entry in list(manifest.load().weights.items())[:1]:
        assert weights.resolve(name) == manifest.load().file(entry)
    with pytest.raises(WeightsError, match="No weights named 'yours'"):
        weights.resolve("yours")


def test_convert_checkpoint(load, tmp_path, monkeypatch):
    """A plugin's format is asked before the package's.

    A file given as weights is converted through it.
    """
    monkeypatch.setenv("GANTOOLKIT_CACHE", str(tmp_path / "cache"))
    (tmp_path / "w.mine").write_text("7")
    load(
        p=GOOD + "import torch\nfrom gantoolkit.weights import Part\n"
        "@hookimpl\ndef convert_checkpoint(path):\n"
        "    if path.suffix == '.mine':\n"
        "        state = {'a': torch.tensor(float(path.read_text()))}\n"
        "        return [Part('network', {'type': 'Mine'}, state, 'my format', 'Mine')]\n"
    )
    state, arch, metadata = weights.load(tmp_path / "w.mine")
    assert state["a"] == 7 and arch == {"type": "Mine"} and metadata["source_format"] == "my format"
    (tmp_path / "w.other").write_text("8")
    with pytest.raises(WeightsError, match="neither weights nor a checkpoint"):
        weights.load(tmp_path / "w.other")


def test_register_commands(load, capsys):
    from gantoolkit.cli import main

    source = GOOD + (
        "@hookimpl\ndef register_commands(subparsers):\n"
        "    p = subparsers['data render'].add_parser('things')\n"
        "    p.add_argument('--count', type=int)\n"
        "    p.set_defaults(command=lambda args: print('count', args.count))\n"
    )
    load(p=source)
    manifest.load().commands["data render things"] = {"owner": "p", "summary": "renders things"}
    assert main.main(["data", "render", "things", "--count", "3"]) == 0
    assert capsys.readouterr().out == "count 3\n"


def test_a_command_of_a_plugin_that_is_not_installed_says_how_to_install_it(
    load, capsys, monkeypatch
):
    from gantoolkit.cli import main

    load()
    entry = {
        "install": "pip install far",
        "provides": ["command/data render far"],
        "owner": "gantoolkit",
    }
    monkeypatch.setitem(manifest.load().external, "far", entry)
    assert main.main(["data", "render", "far", "--count", "3"]) == 2
    assert "the plugin 'far' has it: pip install far." in capsys.readouterr().err


def test_run_started_on_log_run_finished(load, tmp_path):
    """The package's own use: TensorBoard scalars; and a plugin that sees the same calls."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    names = ("run_started", "on_log", "run_finished")
    load(
        p=GOOD
        + "seen = []\n"
        + "".join(f"@hookimpl\ndef {n}(run): seen.append('{n}')\n" for n in names)
    )
    run = SimpleNamespace(folder=tmp_path, rank=0, iteration=0)
    record = Record("r", {}, [], {}, 0, scores={"G(w)": {"mIoU": Score(0.5, 3, True)}})
    hooks = plugins.hooks()
    hooks.run_started(run=run)
    for run.iteration in (1, 2):
        hooks.on_log(run=run, iteration=run.iteration, losses={"M": 3.0 / run.iteration})
    hooks.run_finished(run=run, record=record)
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [(e.step, e.value) for e in events.Scalars("loss/M")] == [(1, 3.0), (2, 1.5)]
    assert [e.value for e in events.Scalars("G(w)/mIoU")] == [0.5]
    import hooks_of_p

    assert hooks_of_p.seen == ["run_started", "on_log", "on_log", "run_finished"]


@pytest.mark.parametrize(
    "there, said", [(False, ""), (True, "nothing is written for TensorBoard: TypeError: protobuf")]
)
def test_a_run_goes_on_without_tensorboard(load, tmp_path, monkeypatch, capsys, there, said):
    from gantoolkit.training import tensorboard

    def broken(*_, **__):
        raise TypeError("protobuf")

    load()
    monkeypatch.setattr(tensorboard, "find_spec", lambda name: object() if there else None)
    monkeypatch.setattr("torch.utils.tensorboard.SummaryWriter", broken)
    run = SimpleNamespace(folder=tmp_path, rank=0, iteration=0)
    plugins.hooks().run_started(run=run)
    plugins.hooks().on_log(run=run, iteration=1, losses={"M": 1.0})
    plugins.hooks().run_finished(run=run, record=Record("r", {}, [], {}, 0))
    assert said in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_around_run(load):
    """Wrappers of plugins surround what runs inside `plugins.around_run`."""
    load(
        p=GOOD + "seen = []\n@hookimpl(wrapper=True)\ndef around_run(run):\n"
        "    seen.append('before')\n    yield\n    seen.append('after')\n"
    )
    import hooks_of_p

    with plugins.around_run(run=None):
        hooks_of_p.seen.append("loop")
    assert hooks_of_p.seen == ["before", "loop", "after"]


def test_report_sections(load, tmp_path):
    """The package's own section tells how to open TensorBoard."""
    load(p=GOOD + "@hookimpl\ndef report_sections(record): return [('Mine', '<p>x</p>')]")
    (tmp_path / "tensorboard").mkdir()
    found = plugins.hooks().report_sections(record=None, folder=tmp_path)
    assert sorted(title for part in found for title, _ in part) == ["Mine", "TensorBoard"]


def test_every_hook_has_a_docstring_a_test_and_a_use_in_the_tree():
    from pathlib import Path

    tests = Path(__file__).read_text()
    package = Path(plugins.__file__).parents[1]
    code = "".join(f.read_text() for f in package.rglob("*.py") if f.name != "hookspecs.py")
    for name in plugins.hook_names():
        assert inspect.getdoc(getattr(hookspecs, name)), name
        assert f"test_{name}" in tests or f"_{name}" in tests, name
        assert f".{name}(" in code, f"nobody calls {name}"


def test_a_hook_with_an_old_name_is_reported_with_the_new_one(load, capsys):
    load(bad=GOOD + "@hookimpl\ndef batch_done(run): ...")
    assert "no hook batch_done (now called 'on_log')" in capsys.readouterr().err


def test_a_plugin_may_carry_its_own_old_names(load, tmp_path):
    load(p="")
    (tmp_path / "p" / "hooks_of_p" / "registry.yaml").write_text(
        "renamed: {components: {Olden: Newer}, keys: {olden: newer}}"
    )
    manifest.load.cache_clear()
    renamed = manifest.load().renamed
    assert renamed["components"]["Olden"] == ["Newer"] and renamed["keys"]["olden"] == ["newer"]
    assert renamed["hooks"]["batch_done"] == ["on_log"]
