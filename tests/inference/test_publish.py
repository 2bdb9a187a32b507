"""A bridge uploaded to the Hub with its card, and read from there, on a server of this machine."""

from __future__ import annotations

import json
import shutil

import fake_hub
import mini
import pytest
import torch

from gantoolkit import PretrainedPipeline, weights
from gantoolkit.cli import main
from gantoolkit.core.types import Condition
from gantoolkit.inference.load import load_pipeline
from gantoolkit.training.runner import run


@pytest.fixture(scope="module")
def trained(tmp_path_factory, tiny_zip):
    """A run of one iteration."""
    base = tmp_path_factory.mktemp("publish")
    run(mini.config(base, tiny_zip, schedule=dict(iterations=1)), base / "run")
    return base / "run"


@pytest.fixture
def server(tmp_path, monkeypatch):
    server = fake_hub.FakeHub()
    server.take_the_place_of_the_hub(monkeypatch, tmp_path)
    yield server
    server.shutdown()


def push(trained, tmp_path, repository="me/my-bridge", *more) -> int:
    out = tmp_path / "out"
    return main.main(["weights", "export", str(trained), str(out), "--push", repository, *more])


def test_a_bridge_and_its_card_are_uploaded(trained, tmp_path, server, monkeypatch, capsys):
    monkeypatch.setenv("HF_TOKEN", fake_hub.TOKEN)
    assert push(trained, tmp_path, "me/my-bridge", "--private") == 0
    stored = server.repositories["me/my-bridge"]
    assert stored.private
    assert {name: (tmp_path / "out" / name).read_bytes() for name in stored.files} == stored.files
    assert sorted(stored.files) == ["README.md", "config.json", "model.safetensors"]
    assert b'from_pretrained("me/my-bridge")' in stored.files["README.md"]
    assert f"uploaded to {server.address}/me/my-bridge" in capsys.readouterr().out

    mask = torch.zeros(1, 19, 32, 32)
    mask[:, 1] = 1
    scribble = torch.rand(1, 1, 32, 32)
    condition = Condition(("a face",), mask, scribble, seed=torch.tensor([1]))
    expected = load_pipeline(trained)(condition).tensor
    fetched = PretrainedPipeline.from_pretrained("me/my-bridge")
    assert torch.equal(fetched(condition).tensor, expected)
    assert main.main(["weights", "get", "me/my-bridge"]) == 0
    assert torch.equal(load_pipeline("me/my-bridge")(condition).tensor, expected)


@pytest.mark.parametrize(
    "token, repository, code, words",
    [
        (None, "me/my-bridge", 2, "needs a token of yours that may write; set $HF_TOKEN"),
        (fake_hub.TOKEN, "my-bridge", 2, "is not a repository of the Hub; give OWNER/NAME"),
        ("hf_wrong", "me/my-bridge", 1, "does not accept your token for me/my-bridge"),
        (fake_hub.TOKEN, "you/theirs", 1, "Your token may not do this with you/theirs"),
    ],
)
def test_what_stops_an_upload_is_one_sentence(
    trained, tmp_path, server, monkeypatch, capsys, token, repository, code, words
):
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    assert push(trained, tmp_path, repository) == code
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1 and not server.repositories
    assert (tmp_path / "out").exists() is (code == 1), "nothing is written where nothing can follow"


def test_only_a_bridge_in_a_folder_is_uploaded(trained, tmp_path, server, monkeypatch, capsys):
    monkeypatch.setenv("HF_TOKEN", fake_hub.TOKEN)
    target = str(tmp_path / "x.safetensors")
    assert main.main(["weights", "export", str(trained), target, "--push", "me/x"]) == 2
    assert "--push uploads a bridge in a folder" in capsys.readouterr().err
    assert not server.asked


def test_a_repository_that_is_not_here(server, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main.main(["generate", "me/my-bridge", "--mask", "m.png"]) == 2
    assert "type 'gantoolkit weights get me/my-bridge' first" in capsys.readouterr().err
    assert not server.asked


def test_generate_offers_what_its_run_names(trained, tmp_path, server, capsys):
    """The generator that is drawn with counts, not the one that it replaces."""
    shutil.copytree(trained, tmp_path / "run")
    file = tmp_path / "run/export/bridge.safetensors"
    state, arch, metadata = weights.load(file)
    specs = json.loads(metadata["pipeline"]) | {"generator": "stylegan2-ffhq", "frozen": {}}
    weights.save(file, state, arch, pipeline=json.dumps(specs))
    command = ["generate", str(tmp_path / "run"), "--mask", "old-man"]
    for more, name in (([], "stylegan2-ffhq"), (["--generator", "eg3d-ffhq"], "eg3d-ffhq")):
        assert main.main([*command, *more]) == 1
        said = capsys.readouterr().err
        assert f"'{name}' (licence: NVIDIA" in said and said.count("not here yet") == 1
        assert "repeat with --yes" in said and not server.asked
