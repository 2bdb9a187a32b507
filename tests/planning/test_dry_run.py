"""--dry-run: its numbers against networks that are built, tensors that are counted and caches
that are written.
"""

from __future__ import annotations

from importlib import import_module

import pytest
import torch
from torch import nn

from gantoolkit import weights
from gantoolkit.cli import main
from gantoolkit.config import loader
from gantoolkit.core.errors import UsageError, WeightsError
from gantoolkit.core.files import read_json
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.encoders.published_mmface import build_meta_mmface
from gantoolkit.generators import load_generator
from gantoolkit.networks.dual_stream_dit import DualStreamDiT
from gantoolkit.planning import dry_run, plan_bridge
from gantoolkit.planning.peak_memory import PeakMemoryTracker
from gantoolkit.planning.plan import format_plan
from gantoolkit.registry import registry


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_ledger_counts_what_is_alive(device):
    """Six linear layers of 500²: by hand, in units of one matrix of 1 MB."""
    layers = [nn.Linear(500, 500, bias=False, device=device) for _ in range(6)]
    x, unit = torch.zeros(500, 500, device=device), 1e6
    with PeakMemoryTracker() as ledger, torch.no_grad():
        y = x
        for layer in layers:
            y = layer(y)
    assert ledger.peak == 2 * unit  # one layer's input and output
    with PeakMemoryTracker() as ledger:
        y = nn.Sequential(*layers)(x)
        assert ledger.peak == ledger.live == 6 * unit  # every output is kept for the backward pass
        view = y[:10].T
        assert ledger.live == 6 * unit
        del y, view
    assert ledger.live == 0


@pytest.fixture(scope="module")
def small():
    return dry_run.plan(loader.load_config("configs/absm_eg3d.py", ["schedule.batch=2"]).to_dict())


def test_parameters_are_those_of_the_real_networks(small):
    values = loader.load_config("configs/absm_eg3d.py").to_dict()
    encoder = registry.build("encoder", values["encoder"])
    counted = {name: count for name, count, _, _ in small.networks}

    def size(module):
        return sum(p.numel() for p in module.parameters())

    assert counted["U-Net"] == size(encoder.unet) and counted["ControlNet"] == size(
        encoder.controlnets[0]
    )
    assert counted["VAE"] == size(encoder.vae) and counted["text model"] == size(
        encoder.text_encoder.model
    )
    assert counted["generator eg3d"] == size(load_generator("eg3d"))
    assert small.notes == [] and small.network_bytes == sum(
        network.bytes for network in small.networks
    )


def test_cache_sizes_follow_the_config(small):
    rows, one = small.cache["trajectories of train"]
    data = FaceZip("bridge-train")
    people = min(1200, len(data))
    vae = read_json(weights.resolve("diffusion") / "vae/config.json")
    latents = vae["latent_channels"] * 16 * 16
    assert one == 2 * 10 * latents + 3 * data.resolution**2 and rows == people
    assert small.cache["embeddings (identity)"] == (people, 4 * 128)


def test_m_alone_costs_less_than_t(small):
    """Its turn stops before the up blocks, of the encoder and of T."""
    assert 0 < small.flops["training M"] < small.flops["training T"]


def test_processes_and_recomputation_lower_the_peak(small):
    overrides = ["schedule.batch=16", "schedule.accumulate=2", "recompute=1", "sampling.batch=8"]
    shared = dry_run.plan(
        loader.load_config("configs/absm_eg3d.py", overrides).to_dict(), processes=4
    )
    assert shared.train_batch == small.train_batch == 2 and shared.processes == 4
    assert shared.peaks["training"] < 0.75 * small.peaks["training"]
    assert (small.cache_batch, small.score_batch, shared.cache_batch, shared.score_batch) == (
        48,
        25,
        8,
        8,
    )
    assert shared.peaks["scoring"] < 0.5 * small.peaks["scoring"]


def test_an_encoder_that_waits_on_the_cpu_lowers_what_is_held(small):
    """By the sizes of its parts: training keeps none of them, caching the U-Net and the
    ControlNet at a time.
    """
    overrides = ["schedule.batch=2", "encoder.offload=True"]
    waiting = dry_run.plan(loader.load_config("configs/absm_eg3d.py", overrides).to_dict())
    sizes = {name: size for name, _, size, _ in small.networks}
    frozen = sizes["U-Net"] + sizes["ControlNet"] + sizes["VAE"] + sizes["text model"]
    assert waiting.network_bytes == small.network_bytes - frozen
    assert [network[:2] for network in waiting.networks] == [
        network[:2] for network in small.networks
    ]  # the same parameters
    copies = waiting.peaks["caching"] - small.peaks["caching"]
    assert 0 < copies <= max(sizes["U-Net"] + sizes["ControlNet"], sizes["VAE"]) + 1000
    peaks = [plan.network_bytes + plan.peaks["training"] for plan in (small, waiting)]
    assert peaks[1] < peaks[0] and "waits in the CPU's memory" in format_plan(waiting)


def test_the_verb_prints_and_runs_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert (
        main.main(
            [
                "run",
                "configs/pretrain/controlnet_mask.py",
                "--dry-run",
                "data=val",
                "diffusion=diffusion",
                "--processes",
                "4",
            ]
        )
        == 0
    )
    out = capsys.readouterr().out
    assert "in each of 4 processes" in out
    assert (
        "ControlNet" in out
        and "peak of training" in out
        and "200 rows" in out
        and not list(tmp_path.iterdir())
    )
    with pytest.raises(UsageError, match="'vae' is small and just runs"):
        dry_run.plan(dict(task="vae"))


def test_mmface_is_known_by_its_sizes():
    """The published transformer, FLUX.1's VAE, Stable Diffusion 2.1's text model."""
    spec = loader.load_config("configs/full/absm_eg3d_mmface.py").to_dict()["encoder"]
    encoder, notes = build_meta_mmface(spec)
    sizes = (encoder.dit, encoder.vae, encoder.text_encoder.model)
    counted = [sum(p.numel() for p in module.parameters()) for module in sizes]
    assert [round(count / 1e6, 1) for count in counted] == [1345.3, 83.8, 340.4]
    assert encoder.shapes.h == (1152, 32, 32) and encoder.shapes.f == ((1152, 32, 32),) * 2
    assert (encoder.latent_shape, encoder.shapes.tokens) == ((16, 64, 64), 77)
    assert "published architecture is assumed" in notes[0]


@pytest.mark.parametrize(
    "name, millions, h, tokens",
    [
        ("sdxl", [2567.5, 1256.0, 83.7, 817.7], (1280, 16, 16), 77),
        ("sd35", [8056.6, 2153.5, 83.8, 5580.6], (2432, 32, 32), 333),
        ("flux", [11901.4, 2140.9, 83.8, 4885.4], (3072, 32, 32), 512),
    ],
)
def test_published_models_are_known_by_their_sizes(name, millions, h, tokens):
    """Main network, ControlNet, VAE, text models; nothing is read or fetched."""
    spec = loader.load_config(f"configs/full/absm_eg3d_{name}.py").to_dict()["encoder"]
    module, _, function = plan_bridge.BUILDERS[spec["type"]].partition(":")
    encoder, notes = getattr(import_module(module), function)(spec)
    main = encoder.get_submodule(encoder.denoisers[0])
    parts = (main, encoder.controlnets, encoder.vae, encoder.text_encoder.model)
    counted = [sum(p.numel() for p in part.parameters()) for part in parts]
    assert [round(count / 1e6, 1) for count in counted] == millions
    assert (encoder.shapes.h, encoder.shapes.tokens, len(encoder.shapes.f)) == (h, tokens, 2)
    assert "published architecture is assumed" in notes[0]


def save_transformer(path, channels):
    """Write and return a small transformer of so many latent channels."""
    network = DualStreamDiT(channels, 32, 6, 2, 2, 96)
    arch = {"type": "DualStreamDiT", **network.arch}
    weights.save(path, network.state_dict(), arch, objective="flow", resolution="64")
    return network


def test_a_small_transformer_says_its_own_sizes(tmp_path):
    path = tmp_path / "dit.safetensors"
    network = save_transformer(path, channels=8)
    overrides = [f"encoder.weights={path}", "schedule.batch=2"]
    config = loader.load_config("configs/absm_eg3d_dit.py", overrides).to_dict()
    found = dry_run.plan(config)
    counted = {name: count for name, count, _, _ in found.networks}
    assert counted["transformer"] == sum(p.numel() for p in network.parameters())
    assert 0 < found.flops["training M"] < found.flops["training T"] and found.notes == []


def test_a_transformer_of_other_latents_is_refused(tmp_path):
    path = tmp_path / "dit.safetensors"
    save_transformer(path, channels=4)
    config = loader.load_config("configs/absm_eg3d_dit.py", [f"encoder.weights={path}"]).to_dict()
    with pytest.raises(WeightsError, match="latents of 4 channels and this VAE makes 8"):
        dry_run.plan(config)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "absm_eg3d",
        "absm_stylegan2",
        "absm_eg3d_scribble",
        "absm_stylegan2_scribble",
        "controlnet_mask",
    ],
)
def test_paper_scale_needs_no_download(name, monkeypatch, tmp_path):
    import socket

    monkeypatch.setenv("GANTOOLKIT_CACHE", str(tmp_path))
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("something was fetched"))
    found = dry_run.plan(loader.load_config(f"configs/full/{name}.py").to_dict())
    counted = {part: round(count / 1e6, 1) for part, count, _, _ in found.networks}
    assert counted["U-Net"] == 859.5 and counted["ControlNet"] == 361.3
    if name != "controlnet_mask":
        assert counted[f"generator {'eg3d-ffhq' if 'eg3d' in name else 'stylegan2-ffhq'}"] == (
            30.7 if "eg3d" in name else 30.4
        )
        assert found.cache["trajectories of train"] == (24000, 20 * 32768 + 786432)
        assert found.network_bytes + found.peaks["training"] < 24e9
    assert any("is not here" in note for note in found.notes)
