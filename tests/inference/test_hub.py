"""A bridge as a folder of the Hub's form: written, read, drawn from; nothing in it can be code."""

from __future__ import annotations

import json
import shutil
from types import SimpleNamespace

import mini
import pytest
import torch

from gantoolkit import PretrainedPipeline, weights
from gantoolkit.cli import main
from gantoolkit.convert.rosinality import to_rosinality
from gantoolkit.core.errors import GantoolkitError, UsageError
from gantoolkit.core.types import Condition
from gantoolkit.generators.stylegan2 import StyleGAN2
from gantoolkit.inference.load import load_pipeline
from gantoolkit.training.runner import run


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tiny_zip):
    """A run of two iterations and its export."""
    base = tmp_path_factory.mktemp("hub")
    run(mini.config(base, tiny_zip, schedule=dict(iterations=2)), base / "run")
    assert main.main(["weights", "export", str(base / "run"), str(base / "out")]) == 0
    return base


@pytest.fixture
def condition():
    mask = torch.zeros(2, 19, 32, 32)
    mask[:, 1] = 1
    scribble = torch.rand(2, 1, 32, 32)
    return Condition(("a face", "another"), mask, scribble, seed=torch.tensor([1, 2]))


def test_the_folder_draws_what_the_run_draws(folder, condition):
    assert sorted(p.name for p in (folder / "out").iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
    ]
    before = load_pipeline(folder / "run")(condition).tensor
    for pipeline in (
        PretrainedPipeline.from_pretrained(folder / "out"),
        load_pipeline(folder / "out"),
    ):
        assert torch.equal(pipeline(condition).tensor, before)


def test_an_export_goes_to_a_folder_of_its_own(folder, tmp_path, capsys):
    """A new, empty or earlier one; other files are neither replaced nor mixed with."""

    def export(target) -> int:
        return main.main(["weights", "export", str(folder / "run"), str(target)])

    (tmp_path / "empty").mkdir()
    assert [export(tmp_path / "empty"), export(tmp_path / "empty")] == [0, 0]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/config.json").write_text('{"library": "another"}')
    (tmp_path / "file").write_text("mine")
    for target, words in (
        ("mine", "holds no earlier export"),
        ("file", "is a file"),
        ("x.pt", "goes to a folder"),
    ):
        capsys.readouterr()
        assert export(tmp_path / target) == 2 and words in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["config.json"]
    assert (
        "another" in (tmp_path / "mine/config.json").read_text()
        and (tmp_path / "file").read_text() == "mine"
    )


def test_save_pretrained_again(folder, tmp_path, condition):
    first = PretrainedPipeline.from_pretrained(str(folder / "out"))
    first.save_pretrained(tmp_path / "again")
    again = PretrainedPipeline.from_pretrained(tmp_path / "again")
    assert torch.equal(again(condition).tensor, first(condition).tensor)
    assert json.loads((tmp_path / "again/config.json").read_text())["frozen"]


def test_card_and_config_name_what_is_needed(folder):
    config = json.loads((folder / "out/config.json").read_text())
    name = str(folder / "generator.safetensors")
    assert (
        config["frozen"][name] == weights.sha256(weights.resolve(name))
        and config["bridge"]["type"] == "FakeBridge"
    )
    card = (folder / "out/README.md").read_text()
    assert (
        card.startswith("---\nlibrary_name: gantoolkit")
        and name in card
        and "from_pretrained" in card
    )


@pytest.mark.parametrize(
    "condition, call",
    [("scribble", 'scribble="SCRIBBLE.png"'), ("both", 'mask="MASK.png", scribble="SCRIBBLE.png"')],
)
def test_the_card_hands_over_what_the_run_takes(condition, call):
    from gantoolkit.inference import hub

    assert f'hair", {call}).image' in hub.model_card(
        dict(bridge=dict(type="AbSM"), condition=condition), {}, {}
    )


def test_another_generator_takes_the_place(folder, tmp_path, condition):
    state, arch, _ = weights.load(folder / "generator.safetensors")
    weights.save(tmp_path / "other.safetensors", {k: v * 1.5 for k, v in state.items()}, arch)
    pipeline = PretrainedPipeline.from_pretrained(
        folder / "out", generator=str(tmp_path / "other.safetensors")
    )
    own = PretrainedPipeline.from_pretrained(folder / "out")
    assert torch.equal(
        pipeline.bridge.state_dict()["m.0.weight"], own.bridge.state_dict()["m.0.weight"]
    )
    assert not torch.allclose(pipeline(condition).tensor, own(condition).tensor)


def test_a_released_style_draws_for_a_run(folder, tmp_path, condition):
    """JoJoGAN's files hold {g} and no mean code: codes stay the bridge's, pictures follow g."""
    state, _, _ = weights.load(folder / "generator.safetensors")
    state = {k: v * (1.5 if k.startswith("synthesis") else 1) for k, v in state.items()}
    state |= {key: value * 0.5 for key, value in state.items() if key.startswith("mapping.fc")}
    torch.save({"g": to_rosinality(state)[0]}, tmp_path / "jojo.pt")
    own = load_pipeline(folder / "run")
    styled = load_pipeline(folder / "run", generator=str(tmp_path / "jojo.pt"))
    assert torch.equal(styled(condition).latent.ws, own(condition).latent.ws)
    own.generator.load_state_dict(state)
    torch.testing.assert_close(styled(condition).tensor, own(condition).tensor)
    assert not torch.allclose(
        own(condition).tensor, load_pipeline(folder / "run")(condition).tensor, atol=0.01
    )


@pytest.mark.parametrize(
    "arch, words",
    [
        (
            dict(resolution=64, channels=[8] * 5),
            "takes 10 codes of 16 numbers, and this bridge makes 8 of 16",
        ),
        (dict(w_dim=20), "takes 8 codes of 20 numbers"),
    ],
)
def test_a_generator_of_other_codes_is_refused(folder, tmp_path, arch, words):
    arch = dict(z_dim=16, w_dim=16, resolution=32, channels=[8] * 4, mapping_layers=2) | arch
    state = StyleGAN2(**arch).state_dict()
    weights.save(tmp_path / "other.safetensors", state, dict(type="StyleGAN2", **arch))
    for load, source in ((load_pipeline, "run"), (PretrainedPipeline.from_pretrained, "out")):
        with pytest.raises(UsageError, match=words):
            load(folder / source, generator=str(tmp_path / "other.safetensors"))


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda c: c.pop("encoder"), "does not name"),
        (lambda c: c["frozen"].update({c["generator"]: "0" * 64}), "sha256"),
        (lambda c: c["bridge"].update(type="os.system"), "no bridge 'os.system'"),
        (lambda c: c["bridge"].update(mean=1), "no argument"),
        (lambda c: c.update(generator="nowhere.pkl"), "nowhere.pkl"),
    ],
)
def test_a_folder_that_lies_is_refused(folder, tmp_path, change, words):
    shutil.copytree(folder / "out", tmp_path / "bad")
    config = json.loads((tmp_path / "bad/config.json").read_text())
    change(config)
    (tmp_path / "bad/config.json").write_text(json.dumps(config))
    with pytest.raises(GantoolkitError, match=words):
        PretrainedPipeline.from_pretrained(tmp_path / "bad")


def test_nothing_but_three_files_is_asked_of_the_hub(monkeypatch, folder):
    """A repository may hold pickles and code: neither is fetched."""
    from gantoolkit.inference import hub

    asked = SimpleNamespace(patterns=None)

    def fake(repository, allow_patterns, **_):
        asked.patterns = allow_patterns
        return str(folder / "out")

    monkeypatch.setattr(hub, "snapshot_download", fake)
    config = json.loads((folder / "out/config.json").read_text())
    hub.PretrainedPipeline._from_pretrained(
        model_id="me/bridge", **{k: config[k] for k in hub.SPECS}
    )
    assert asked.patterns == ["config.json", "model.safetensors", "README.md"]
    shutil.rmtree(folder / "empty", ignore_errors=True)
    (folder / "empty").mkdir()
    with pytest.raises(GantoolkitError, match="has no config.json"):
        PretrainedPipeline.from_pretrained(folder / "empty")


def test_what_a_bridge_was_trained_with_is_what_its_run_saw(folder, tmp_path, capsys):
    """A generator that changed after training: loading warns, an export names what the run saw."""
    shutil.copytree(folder / "run", tmp_path / "run")
    file = tmp_path / "run" / "export" / "bridge.safetensors"
    state, arch, meta = weights.load(file)
    specs = json.loads(meta["pipeline"])
    name = specs["generator"]
    for digest, warned in ((weights.sha256(weights.resolve(name)), False), ("0" * 64, True)):
        weights.save(file, state, arch, pipeline=json.dumps(specs | {"frozen": {name: digest}}))
        load_pipeline(tmp_path / "run")
        assert (f"'{name}' is not the file" in capsys.readouterr().err) is warned
    PretrainedPipeline.from_source(tmp_path / "run").save_pretrained(tmp_path / "out")
    assert json.loads((tmp_path / "out/config.json").read_text())["frozen"][name] == "0" * 64
    with pytest.raises(GantoolkitError, match="sha256"):
        PretrainedPipeline.from_pretrained(tmp_path / "out")
