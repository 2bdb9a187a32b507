"""Repositories of the Hub, fetched from a server on this machine that speaks its API."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys

import fake_hub
import pytest
from huggingface_hub import constants, snapshot_download

from gantoolkit import weights
from gantoolkit.cli import main
from gantoolkit.config import loader
from gantoolkit.core.errors import UsageError, WeightsError
from gantoolkit.registry import manifest
from gantoolkit.weights import download, hub, hub_files, offer

SD15 = "stable-diffusion-v1-5/stable-diffusion-v1-5"
INDEX = {
    "_class_name": "StableDiffusionPipeline",
    "_diffusers_version": "0.6.0",
    "feature_extractor": ["transformers", "CLIPImageProcessor"],
    "image_encoder": [None, None],
    "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"],
    "scheduler": ["diffusers", "PNDMScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}
# As the published repository lists them; the first are those that are read.
NEEDED = [
    "model_index.json",
    "scheduler/scheduler_config.json",
    "text_encoder/config.json",
    "text_encoder/model.safetensors",
    "tokenizer/merges.txt",
    "tokenizer/special_tokens_map.json",
    "tokenizer/tokenizer_config.json",
    "tokenizer/vocab.json",
    "unet/config.json",
    "unet/diffusion_pytorch_model.safetensors",
    "vae/config.json",
    "vae/diffusion_pytorch_model.safetensors",
]
OTHERS = [
    ".gitattributes",
    "README.md",
    "feature_extractor/preprocessor_config.json",
    "safety_checker/config.json",
    "safety_checker/model.safetensors",
    "text_encoder/model.fp16.safetensors",
    "text_encoder/pytorch_model.bin",
    "unet/diffusion_pytorch_model.bin",
    "unet/diffusion_pytorch_model.fp16.bin",
    "unet/diffusion_pytorch_model.fp16.safetensors",
    "unet/diffusion_pytorch_model.non_ema.bin",
    "unet/diffusion_pytorch_model.non_ema.safetensors",
    "v1-5-pruned-emaonly.ckpt",
    "v1-5-pruned.safetensors",
    "v1-inference.yaml",
    "vae/diffusion_pytorch_model.bin",
    "vae/diffusion_pytorch_model.fp16.safetensors",
]


def content(name: str) -> bytes:
    """Different bytes for every file."""
    if name == "model_index.json":
        return json.dumps(INDEX).encode()
    return name.encode() * 500


@pytest.fixture(scope="module")
def server():
    server = fake_hub.FakeHub()
    yield server
    server.shutdown()


@pytest.fixture(autouse=True)
def the_hub(server, tmp_path, monkeypatch):
    """The server in place of the Hub, with SD 1.5 and a ControlNet; an empty cache."""
    controlnet = ("config.json", "diffusion_pytorch_model.bin", "diffusion_pytorch_model.fp16.bin")
    server.repositories = {
        SD15: fake_hub.Stored({name: content(name) for name in NEEDED + OTHERS}),
        "me/control": fake_hub.Stored({name: content(name) for name in controlnet}),
    }
    server.asked, server.cuts, server.broken = [], {}, 0
    server.take_the_place_of_the_hub(monkeypatch, tmp_path)
    return server


def test_only_the_files_that_are_read_are_fetched(the_hub, capsys):
    with pytest.raises(WeightsError, match="not here yet; type 'gantoolkit weights get stable"):
        weights.resolve("stable-diffusion-v1-5")
    assert main.main(["weights", "get", "stable-diffusion-v1-5"]) == 0
    folder = weights.resolve("stable-diffusion-v1-5")
    assert the_hub.fetched() == NEEDED
    for name in NEEDED:
        assert (folder / name).read_bytes() == content(name)
    assert "CreativeML Open RAIL-M" in capsys.readouterr().out
    assert weights.resolve(SD15) == folder, "the same repository by its own name"


def test_what_is_there_is_not_asked_for_again(the_hub):
    first = download.get("stable-diffusion-v1-5")
    the_hub.asked.clear()
    assert download.get("stable-diffusion-v1-5") == download.get(SD15) == first
    assert not the_hub.asked


def test_any_repository_by_its_name(the_hub):
    with pytest.raises(WeightsError, match="type 'gantoolkit weights get me/control'"):
        weights.resolve("me/control")
    folder = download.get("me/control")
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.json",
        "diffusion_pytorch_model.bin",
    ]
    assert weights.resolve("me/control") == folder


def test_an_interrupted_download_goes_on(the_hub, monkeypatch):
    """The first answer ends early: the rest is asked for by its range, in the same command."""
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1000)
    name = "unet/diffusion_pytorch_model.safetensors"
    the_hub.cuts[name] = 7000
    folder = download.get("stable-diffusion-v1-5")
    assert (folder / name).read_bytes() == content(name)
    ranges = [how for _, path, how in the_hub.asked if path.endswith(name) and how]
    assert ranges == ["bytes=7000-"]


def test_half_a_repository_is_not_here(the_hub):
    folder = download.get("stable-diffusion-v1-5")
    (folder / "vae/diffusion_pytorch_model.safetensors").unlink()
    assert hub.find(SD15) is None
    with pytest.raises(WeightsError, match="not here yet"):
        weights.resolve("stable-diffusion-v1-5")
    assert download.get("stable-diffusion-v1-5") == folder == hub.find(SD15)


def test_what_other_programs_fetch_beside_it_changes_no_checksum(the_hub):
    """The cache is shared: the sha256 that bridges note is of the files that are read."""
    folder = download.get("stable-diffusion-v1-5")
    before = weights.sha256(folder)
    snapshot_download(SD15)
    assert (folder / "safety_checker/model.safetensors").is_file()
    assert weights.sha256(folder) == before
    (folder / "vae/config.json").unlink()
    (folder / "vae/config.json").write_bytes(b"{}")
    assert weights.sha256(folder) != before


def test_files_of_an_unknown_form_are_named(the_hub):
    files = {"a/model_ema.safetensors": b"1" * 9, "a/vae.safetensors": b"2" * 9, "b.pt": b"3" * 9}
    the_hub.repositories["me/own"] = fake_hub.Stored(files)
    with pytest.raises(WeightsError, match="me/own on the Hub has neither .* --include"):
        download.get("me/own")
    with pytest.raises(WeightsError, match="has no file 'c"):
        download.get("me/own", include=["c/*"])
    folder = download.get("me/own", include=["a/*.safetensors"])
    assert the_hub.fetched() == ["a/model_ema.safetensors", "a/vae.safetensors"]
    assert weights.resolve("me/own") == folder
    with pytest.raises(UsageError, match="is one file"):
        download.get("irse50", include=["*"])


def test_entries_may_share_a_repository(the_hub, monkeypatch):
    """Each has its own files and its own sha256, whether the other is fetched or not."""
    names = ("VAE/config.json", "small/model.safetensors", "large/model.safetensors", "README.md")
    the_hub.repositories["me/own"] = fake_hub.Stored({name: content(name) for name in names})
    for name in ("small", "large"):
        entry = {"hub": "me/own", "include": ["VAE/*", f"{name}/*"], "save_as": name, "owner": "me"}
        monkeypatch.setitem(manifest.load().weights, name, entry | {"licence": "MIT"})
    folder = download.get("small")
    before = weights.checksums(["small"])
    assert weights.resolve("small") == folder
    with pytest.raises(WeightsError, match="not here yet"):
        weights.resolve("large")
    assert download.get("large") == folder and the_hub.fetched() == sorted(names[:3])
    assert weights.checksums(["small"]) == before != weights.checksums(["large"])


def _gated(server, monkeypatch):
    server.repositories["me/control"].gated = True


def _private(server, monkeypatch):
    server.repositories["me/control"].private = True


def _missing(server, monkeypatch):
    server.repositories.clear()


def _wrong_token(server, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")


def _offline(server, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)


def _nobody(server, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")


def _down(server, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    server.broken = 500


@pytest.mark.parametrize(
    "arrange, words",
    [
        (_gated, "is gated: accept its terms at http.*/me/control, then set .HF_TOKEN"),
        (_private, "has no repository me/control that you may read"),
        (_missing, "has no repository me/control that you may read"),
        (_wrong_token, "does not accept your token"),
        (_offline, "HF_HUB_OFFLINE is set"),
        (_nobody, "could not be fetched from http://127.0.0.1:9 .*HF_ENDPOINT"),
        (_down, "answers 500 for me/control"),
    ],
)
def test_what_the_hub_refuses_is_one_sentence(the_hub, monkeypatch, arrange, words):
    arrange(the_hub, monkeypatch)
    with pytest.raises(WeightsError, match=words) as caught:
        download.get("me/control")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("arrange", [_gated, _private])
def test_a_token_opens_what_is_closed(the_hub, monkeypatch, arrange):
    arrange(the_hub, monkeypatch)
    monkeypatch.setenv("HF_TOKEN", fake_hub.TOKEN)
    assert (download.get("me/control") / "config.json").is_file()


def test_a_folder_on_disk_in_place_of_the_hub(the_hub, tmp_path):
    (tmp_path / "disk/stable-diffusion-v1-5/unet").mkdir(parents=True)
    folder = download.get("stable-diffusion-v1-5", offline=str(tmp_path / "disk"))
    assert folder == tmp_path / "cache/downloads/stable-diffusion-v1-5" and not the_hub.asked
    with pytest.raises(UsageError, match="name its mirror in .HF_ENDPOINT"):
        download.get("me/control", mirror="http://127.0.0.1:9")


@pytest.mark.parametrize(
    "name, answer",
    [
        ("me/control", True),
        ("stable-diffusion-v1-5", False),
        ("models/ffhq.pkl", False),
        ("data/celeba/train.zip", False),
        ("runs/eg3d_codes", False),
        ("../control", False),
        ("/abs", False),
    ],
)
def test_which_names_are_repositories(name, answer, tmp_path, monkeypatch):
    assert hub_files.is_repository(name) is answer
    monkeypatch.chdir(tmp_path)
    (tmp_path / "me").mkdir()
    assert not hub_files.is_repository("me/control"), "a folder of this name: a path"


# -- the offer of `run` and `generate` -------------------------------------------------------------

CONFIG = {
    "encoder": {"weights": SD15, "controlnet": ["me/control", "runs/mine/export/controlnet"]},
    "generator": "generator-eg3d",
    "losses": {"identity": {"network": "irse50"}},
    "data": {"train": "me/train"},
}


def test_what_is_missing_is_found_by_name():
    assert offer.missing(CONFIG) == [SD15, "me/control", "irse50"]


@pytest.mark.parametrize("name", [name for name in loader.shipped_configs() if "full/" not in name])
def test_embedded_configs_need_nothing(the_hub, name):
    """Nothing is missing, so that nobody is asked and no server either."""
    offer.offer(loader.load_config(name).to_dict(), yes=True)
    assert not the_hub.asked


def test_scripts_are_told_what_to_type(the_hub, capsys):
    assert main.main(["run", "configs/full/absm_stylegan2.py"]) == 1
    said = capsys.readouterr().err
    assert "'stable-diffusion-v1-5' (licence: CreativeML Open RAIL-M), " in said
    assert "repeat with --yes to fetch, or type 'gantoolkit weights get NAME'" in said
    assert said.count("\n") == 1 and not the_hub.asked


def test_yes_fetches_before_anything_is_built(the_hub, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    arguments = ["run", "configs/absm_stylegan2.py", f"encoder.weights={SD15}", "--yes"]
    assert main.main(arguments) == 1, "the files of this server are no networks"
    assert the_hub.fetched() == NEEDED and not list((tmp_path / "runs").rglob("config*"))
    size = sum(len(content(name)) for name in NEEDED) / 1e9
    assert f"{SD15}  {size:.2f} GB  licence: CreativeML Open RAIL-M" in capsys.readouterr().err


@pytest.mark.parametrize("answer", ["y\n", "\n", "no\n", ""])
def test_a_person_is_asked_once(the_hub, monkeypatch, capsys, answer):
    monkeypatch.setattr(offer, "_can_ask", lambda: True)
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    wanted = {"encoder": {"controlnet": "me/control"}}
    if answer == "y\n":
        offer.offer(wanted, yes=False)
    else:
        with pytest.raises(WeightsError, match="repeat with --yes"):
            offer.offer(wanted, yes=False)
    assert bool(hub.find("me/control")) is (answer == "y\n")
    said = capsys.readouterr().err
    assert "me/control  0.00 GB  licence: openrail" in said and said.count("Fetch now?") == 1


def test_processes_of_torchrun_ask_nobody(the_hub, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(WeightsError, match="repeat with --yes"):
        offer.offer({"network": "me/control"}, yes=False)


def test_the_variables_of_the_hub_count(the_hub, tmp_path):
    """Of another process: mirror, token, cache and offline mode are those of the environment."""
    the_hub.repositories["me/control"].gated = True
    environment = {
        **os.environ,
        "HF_ENDPOINT": the_hub.address,
        "HF_HOME": str(tmp_path / "home"),
        "HF_TOKEN": fake_hub.TOKEN,
    }
    command = [sys.executable, "-m", "gantoolkit", "weights", "get", "me/control"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"me/control: {tmp_path}/home/hub/models--me--control/snapshots/" in done.stdout
    offline = environment | {"HF_HUB_OFFLINE": "1", "HF_TOKEN": ""}
    assert subprocess.run(command, env=offline, capture_output=True).returncode == 0
    offline["HF_HOME"] = str(tmp_path / "elsewhere")
    failed = subprocess.run(command, env=offline, capture_output=True, text=True)
    assert failed.returncode == 1 and "$HF_HUB_OFFLINE is set; unset it." in failed.stderr
