"""What is no run, or a broken one, is answered with a sentence before anything is loaded."""

from __future__ import annotations

import json

import pytest

from gantoolkit.cli import main
from gantoolkit.core.errors import UsageError
from gantoolkit.inference import bridge_files

RUN = dict(
    task="bridge",
    encoder=dict(type="ControlNetEncoder"),
    bridge=dict(type="AbSM"),
    generator="eg3d-mini",
)


@pytest.mark.parametrize(
    "typed, meant",
    [("eg3d_mask", "eg3d-mask"), ("EG3D-mask", "eg3d-mask"), ("runs/absm", "runs/absn")],
)
def test_a_mistyped_run_or_preset_is_answered_about_runs_and_presets(
    typed, meant, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs/absn").mkdir(parents=True)
    (tmp_path / "runs/absn/config.json").write_text(json.dumps(RUN))
    assert main.main(["generate", typed, "--mask", "absent.png"]) == 2
    said = capsys.readouterr().err
    assert (
        f"There is no run or preset '{typed}' (did you mean '{meant}'" in said
        and "weights" not in said
    )
    assert "presets: eg3d-mask, " in said and said.count("runs/absn") >= 1 and said.count("\n") == 1


def test_runs_that_draw_nothing_are_not_offered(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in (("mine", '{"task": "bridge"}'), ("gan", '{"task": "gan"}'), ("torn", "{")):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "config.json").write_text(text)
    with pytest.raises(UsageError, match=r"runs: runs/mine\.$"):
        bridge_files.read_bridge("nosuch")


def test_a_name_of_a_plugins_weights_is_left_to_the_plugin(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="runs: none here"):
        bridge_files.find_bridge_file("hub:somebody")
    from gantoolkit.registry import plugins

    class Hub:
        @plugins.hookimpl
        def resolve_weights(self, name):
            return tmp_path if name == "hub:somebody" else None

    hub = Hub()
    plugins.manager().register(hub)
    try:
        assert bridge_files.find_bridge_file("hub:somebody") == tmp_path
    finally:
        plugins.manager().unregister(hub)


@pytest.mark.parametrize(
    "content, words",
    [
        ("{not json", "config.json is not a readable config"),
        ("[1]", "config.json is not a readable config"),
        (
            json.dumps({k: v for k, v in RUN.items() if k != "encoder"}),
            "config.json does not say which encoder",
        ),
        (json.dumps(RUN | dict(bridge="AbSM")), "config.json does not say which bridge"),
        (json.dumps(RUN), "There is no checkpoint"),
    ],
)
def test_broken_run_folders_are_sentences(content, words, tmp_path, capsys):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/config.json").write_text(content)
    assert main.main(["generate", str(tmp_path / "run"), "--mask", "absent.png"]) == 1
    said = capsys.readouterr().err
    assert words in said and "Error" not in said and said.count("\n") == 1
