"""What makes large runs possible: streaming, averages, recomputation, answers to a full memory."""

from __future__ import annotations

import ast
import json
import threading
from dataclasses import replace

import mini
import pytest
import torch
from mini import losses, make

from gantoolkit import weights
from gantoolkit.core.errors import GantoolkitError, UsageError
from gantoolkit.core.types import Latent
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.tasks.bridge.systems import validation_batches
from gantoolkit.tasks.bridge.trajectories import row_bytes
from gantoolkit.training import oom
from gantoolkit.training import run_folder as folder
from gantoolkit.training.batch import SeededBatch
from gantoolkit.training.prefetch import Prefetcher
from gantoolkit.training.runner import run
from gantoolkit.training.tensor_stream import Streamed


@pytest.fixture(autouse=True)
def own_cache(monkeypatch):
    monkeypatch.delenv("GANTOOLKIT_CACHE", raising=False)


# -- streaming -------------------------------------------------------------------------------------


def content(rows):
    return dict(
        z=(
            rows[:, None, None].float() * 100
            + torch.arange(4)[None, :, None] * 10
            + torch.arange(3.0)
        ).half()
    )


def test_stream_reads_like_a_cache_and_forgets():
    stream, seen = Streamed(dict(a=1), 50, memory_gb=24 * 3e-9), []
    stream.fill(lambda rows: seen.append(rows.tolist()) or content(rows))
    rows, steps = torch.tensor([7, 3, 7]), torch.tensor([0, 2, 3])
    assert torch.equal(stream.read("z", rows, steps), content(rows)["z"][torch.arange(3), steps])
    assert torch.equal(stream.read("z", [3]), content(torch.tensor([3]))["z"]) and seen == [[3, 7]]
    stream.read("z", [1, 2])  # room for three rows: 7 was read last of the older ones
    stream.read("z", [7])
    assert seen == [[3, 7], [1, 2], [7]] and stream.used <= stream.limit
    assert stream.missing() == []


def test_a_streamed_run_learns_the_same_and_writes_no_cache(tmp_path, tiny_zip):
    run(mini.config(tmp_path, tiny_zip), tmp_path / "cached")
    stream = mini.config(tmp_path, tiny_zip, cache=dict(folder=str(tmp_path / "none"), stream=True))
    run(stream, tmp_path / "streamed")
    assert not (tmp_path / "none").exists()
    for one, two in zip(losses(tmp_path / "cached"), losses(tmp_path / "streamed"), strict=True):
        assert all(abs(one[k] - two[k]) <= 1e-4 for k in set(one) - {"seconds"})
    with pytest.raises(UsageError, match="cache.max_gb must be 0"):
        make(tmp_path, tiny_zip, cache=dict(stream=True, max_gb=1.0))
    with pytest.raises(UsageError, match="cache has no key 'gb'"):
        make(tmp_path, tiny_zip, cache=dict(gb=1.0))


def test_bytes_of_a_row_are_those_on_disk(tmp_path, tiny_zip):
    task = make(tmp_path, tiny_zip)
    folder = task.data.train.cache.folder
    index = json.loads((folder / "index.json").read_text())
    expected = row_bytes(4, (4, 8, 8), 32)
    assert 0 < index["bytes"] - 24 * expected < 3 * 400  # headers of three shards
    assert row_bytes(20, (4, 64, 64), 512) == 20 * 32768 + 786432


# -- reading ahead ---------------------------------------------------------------------------------


def test_what_is_expected_is_read_in_a_thread_and_all_else_at_once():
    seen, here = [], threading.current_thread()

    def read(rows, steps):
        seen.append(threading.current_thread() is here)
        if int(rows[0]) == 9:
            raise ValueError("a damaged file")
        return rows + steps

    ahead, rows, steps = Prefetcher(read), torch.tensor([1, 2]), torch.tensor([3, 4])
    assert ahead.get(rows, steps).tolist() == [4, 6] and seen == [True]
    ahead.prefetch(rows, steps)
    assert ahead.get(rows.clone(), steps.clone()).tolist() == [4, 6] and seen == [True, False]
    ahead.prefetch(rows, steps)
    assert (
        ahead.get(rows, steps + 1).tolist() == [5, 7] and seen[-1]
    )  # another batch: nothing old is given
    assert ahead.get(rows, steps).tolist() == [4, 6] and ahead.hits == 1
    ahead.prefetch(torch.tensor([9]), torch.tensor([0]))
    with pytest.raises(ValueError, match="damaged"):
        ahead.get(torch.tensor([9]), torch.tensor([0]))


@pytest.mark.parametrize(
    "more", [dict(training="alternating", schedule=dict(accumulate=2)), dict(condition="both")]
)
def test_reading_ahead_changes_nothing_and_misses_the_first_batch_alone(
    tmp_path, tiny_zip, monkeypatch, more
):
    from gantoolkit.tasks.bridge import data

    made = []

    class Recorded(Prefetcher):
        def __init__(self, read):
            super().__init__(read)
            made.append(self)

    run(mini.config(tmp_path, tiny_zip, **more), tmp_path / "plain")
    monkeypatch.setattr(data, "reads_ahead", lambda device, cache: True)
    monkeypatch.setattr(data, "Prefetcher", Recorded)
    run(mini.config(tmp_path, tiny_zip, **more), tmp_path / "ahead")
    parts = 4 if "training" in more else 1
    assert made[0].hits == 12 * parts - 1
    for one, two in zip(losses(tmp_path / "plain"), losses(tmp_path / "ahead"), strict=True):
        assert {k: v for k, v in one.items() if k != "seconds"} == {
            k: v for k, v in two.items() if k != "seconds"
        }


def test_masks_and_images_are_made_where_they_are_needed(tiny_zip):
    """On the device named, from bytes; elsewhere nothing of them exists."""
    data, rows = FaceZip(tiny_zip), torch.tensor([3, 1])
    found = data.sample(rows, condition="both", seed=2, device="meta")
    made = [
        found.condition.mask,
        found.condition.scribble,
        found.condition.camera.cam2world,
        found.target.image_gt,
        found.target.labels,
        found.target.identity,
    ]
    assert {tensor.device.type for tensor in made} == {
        "meta"
    } and found.condition.seed.device.type == "cpu"
    images = data.read_images(rows, "both")
    assert {p.dtype for p in images.values()} == {torch.uint8}
    given = data.sample(rows, condition="both", seed=2, images=images)
    assert torch.equal(given.condition.mask, data.sample(rows, condition="mask").condition.mask)
    assert torch.equal(
        given.condition.scribble, data.sample(rows, condition="scribble").condition.scribble
    )


# -- the moving average ----------------------------------------------------------------------------


def test_average_follows_is_scored_exported_and_resumed(tmp_path, tiny_zip):
    from safetensors.torch import load_file

    config = mini.config(tmp_path, tiny_zip, ema=0.5, schedule=dict(save_every=3))
    task = make(tmp_path, tiny_zip, ema=0.5)
    average = {k: v.clone() for k, v in task.bridge.state_dict().items()}
    for iteration in range(4):
        for p in task.bridge.parameters():
            p.data.add_(1.0)
        task.after_step(iteration)
        decay = min(0.5, (1 + iteration) / (10 + iteration))
        for k, v in task.bridge.state_dict().items():
            average[k] = v if k == "mean_w" else decay * average[k] + (1 - decay) * v
    for k, v in task.evaluated_bridge.state_dict().items():
        torch.testing.assert_close(v, average[k], atol=1e-5, rtol=1e-5)
    run(config, tmp_path / "run")
    saved = load_file(tmp_path / "run/checkpoint/00000012/trainable.safetensors")
    exported = weights.load(tmp_path / "run/export/bridge.safetensors")[0]
    assert all(torch.equal(v, saved[f"ema.bridge.{k}"]) for k, v in exported.items())
    assert any(not torch.equal(v, saved[f"bridge.{k}"]) for k, v in exported.items())
    half = mini.config(
        tmp_path, tiny_zip, ema=0.5, schedule=dict(save_every=3, time_limit=1e-6)
    )  # stops at once
    run(half, tmp_path / "half")
    run(config, tmp_path / "half", resume=True)
    again = weights.load(tmp_path / "half/export/bridge.safetensors")[0]
    for k, v in exported.items():
        torch.testing.assert_close(again[k], v, atol=1e-6, rtol=1e-6)


# -- recomputation ---------------------------------------------------------------------------------


def kept_bytes(task, batch=4) -> tuple[float, list[torch.Tensor]]:
    """Bytes that autograd keeps for the backward pass, and the gradients."""
    kept: dict[int, int] = {}
    draw = SeededBatch.of_iteration(1, 0, 0, batch, 24)
    parameters = {p.untyped_storage().data_ptr() for p in task.generator.parameters()}

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in parameters:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    task.bridge.zero_grad()
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        total = sum(task.losses("M", draw, 0).values())
    size = sum(kept.values())
    total.backward()
    return size, [p.grad.clone() for p in task.bridge.m.parameters()]


@pytest.mark.parametrize("recompute", [1, 3])
def test_recomputation_keeps_less_and_changes_nothing(tmp_path, tiny_zip, recompute):
    plain, gradients = kept_bytes(make(tmp_path, tiny_zip))
    less, again = kept_bytes(make(tmp_path, tiny_zip, recompute=recompute))
    assert less < 0.7 * plain
    for one, two in zip(gradients, again):
        torch.testing.assert_close(one, two, atol=1e-6, rtol=1e-5)


@torch.no_grad()
def test_scoring_draws_as_many_at_a_time_as_training(tmp_path, tiny_zip, monkeypatch):
    whole, parts = make(tmp_path, tiny_zip), make(tmp_path, tiny_zip, recompute=2)
    codes = Latent(torch.randn(5, whole.generator.num_ws, whole.generator.w_dim))
    drawn, render = [], parts.objective.render.render
    monkeypatch.setattr(
        parts.objective.render,
        "render",
        lambda ws, *rest: drawn.append(len(ws)) or render(ws, *rest),
    )
    torch.testing.assert_close(
        parts.objective.render(codes).image,
        whole.objective.render(codes).image,
        atol=1e-5,
        rtol=1e-4,
    )
    assert drawn == [2, 2, 1]
    val = parts.data.val
    assert [len(b.rows) for b in validation_batches(val)] == [6]  # sampling.batch is 8
    monkeypatch.setattr(val, "sampling", replace(val.sampling, batch=4))
    assert [len(b.rows) for b in validation_batches(val)] == [4, 2]


def test_where_the_encoder_waits_decides_no_cache_and_no_export(tmp_path, tiny_zip):
    class Waiting(mini.FakeEncoder):
        def __init__(self, offload: bool = False):
            super().__init__()
            self.offload = offload

    mini.REGISTRIES["encoder"].register_module("Waiting", module=Waiting, force=True)
    one, two = (
        make(tmp_path, tiny_zip, encoder=dict(type="Waiting", **more))
        for more in ({}, dict(offload=True))
    )
    assert two.encoder.offload and two.encoder.trajectories == 0 and one.encoder.trajectories == 30
    assert one.specs == two.specs and one.data.train.cache.folder == two.data.train.cache.folder


def test_recomputation_with_random_noise_repeats_its_noise(tmp_path, tiny_zip):
    task = make(tmp_path, tiny_zip, recompute=1, noise="random")
    task.generator.synthesis.b32.conv1.noise_strength.data.fill_(1.0)
    (_, first), (_, second) = kept_bytes(task, 2), kept_bytes(task, 2)
    assert all(torch.equal(a, b) for a, b in zip(first, second))


@torch.no_grad()
def test_random_noise_is_each_sample_s_own_however_a_batch_is_split(tmp_path, tiny_zip):
    task = make(tmp_path, tiny_zip, noise="random")
    task.generator.synthesis.b32.conv1.noise_strength.data.fill_(1.0)
    ws, seeds = task.generator.mapping(torch.randn(4, task.generator.z_dim)), [5, 6, 7, 8]
    whole = task.objective.render(Latent(ws), seeds=seeds).image
    parts = [
        task.objective.render(Latent(ws[rows]), seeds=seeds[rows]).image
        for rows in (slice(0, 1), slice(1, 4))
    ]
    task.objective.render.recompute = 2
    for split in (torch.cat(parts), task.objective.render(Latent(ws), seeds=seeds).image):
        torch.testing.assert_close(split, whole, atol=1e-5, rtol=0)
    assert (task.objective.render(Latent(ws), seeds=[5, 6, 7, 9]).image - whole).abs().amax(
        (1, 2, 3)
    ).gt(1e-3).tolist() == [False, False, False, True]


# -- memory ----------------------------------------------------------------------------------------

CONFIG = dict(
    task="bridge",
    schedule=dict(batch=8, accumulate=1, precision="bf16"),
    sampling=dict(batch=48),
    encoder=dict(type="ControlNetEncoder"),
)
SMALL = dict(
    schedule=dict(batch=8, accumulate=8, precision="fp32"),
    sampling=dict(batch=1),
    recompute=1,
    chunk=4096,
)
OFFLOADED = dict(encoder=dict(type="ControlNetEncoder", offload=True))


@pytest.mark.parametrize(
    "phase, changes, words",
    [
        ("prepare", {}, "sampling.batch=24"),
        ("prepare", SMALL, "encoder.offload=True"),
        ("prepare", dict(sampling=None, schedule=None), "sampling.batch=24"),
        ("prepare", SMALL | OFFLOADED, "encoder.precision=bf16"),
        ("train", {}, "schedule.accumulate=2"),
        ("train", dict(schedule=dict(batch=8, accumulate=8)), "recompute=1"),
        ("train", dict(recompute=2), "recompute=1"),
        ("train", SMALL | dict(chunk=None), "chunk=4096"),
        ("train", SMALL, "encoder.offload=True"),
        ("train", SMALL | OFFLOADED, "schedule.precision=bf16"),
        ("validate", {}, "recompute=1"),
        ("validate", SMALL, "encoder.offload=True"),
    ],
)
def test_a_full_memory_names_the_setting_to_lower(phase, changes, words):
    given = CONFIG | changes
    for error in (
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("[enforce fail] can't allocate memory"),
    ):
        refused = pytest.raises(GantoolkitError, match="memory ran out")
        with refused as caught, oom.answered(given, phase):
            raise error
        said = str(caught.value)
        assert words in said and ("--resume" in said) == ("precision" not in words) == (
            "--out" not in said
        )
    with pytest.raises(RuntimeError, match="shape"), oom.answered(given, phase):
        raise RuntimeError("shape mismatch")


@pytest.mark.parametrize("task", ["judge", "parser", "identity", "towers", "gan"])
def test_a_batch_that_cannot_be_split_is_made_smaller(task):
    said = oom.advice(dict(task=task, schedule=dict(batch=8)), "train")
    assert said == "start a new run (--out OTHER) with schedule.batch=4"


def test_every_setting_that_is_named_may_change_on_resumption(tmp_path):
    """What the answer proposes together with --resume is accepted by the run folder.

    What decides the result is not.
    """
    given = mini.config(
        tmp_path, tmp_path / "data.zip", encoder=dict(type="ControlNetEncoder", weights="w")
    )
    (tmp_path / "run/checkpoint/00000001").mkdir(parents=True)
    (tmp_path / "run/config.json").write_text(json.dumps(given))
    named = {s.split()[0] for phase in oom.WHEN for s in oom.settings(given, phase)}
    named.add("cache.folder='/elsewhere'")
    assert {s.partition("=")[0] for s in named} == {
        "sampling.batch",
        "schedule.accumulate",
        "recompute",
        "chunk",
        "encoder.offload",
        "cache.folder",
    }
    for setting in [
        *named,
        "schedule.batch=2",
        "sampling.captions=2",
        "encoder.steps=3",
        "mapping_fraction=1",
    ]:
        changed, (name, _, value) = json.loads(json.dumps(given)), setting.partition("=")
        *where, last = name.split(".")
        (changed.setdefault(where[0], {}) if where else changed)[last] = ast.literal_eval(value)
        if setting in named:
            folder.check(tmp_path / "run", changed, resume=True)
        else:
            with pytest.raises(UsageError, match=f"begun with another '{name.partition('.')[0]}'"):
                folder.check(tmp_path / "run", changed, resume=True)


def test_a_run_that_fills_the_memory_says_what_to_type_and_goes_on_so(
    tmp_path, tiny_zip, monkeypatch
):
    from gantoolkit.tasks.bridge.renderer import Renderer

    render = Renderer.__call__

    def full(self, latent, camera=None, seeds=None):
        if len(latent) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return render(self, latent, camera, seeds)

    with monkeypatch.context() as patch, pytest.raises(GantoolkitError) as caught:
        patch.setattr(Renderer, "__call__", full)
        run(mini.config(tmp_path, tiny_zip), tmp_path / "run")
    assert "while training; repeat the command with --resume and schedule.accumulate=2" in str(
        caught.value
    )
    run(
        mini.config(tmp_path, tiny_zip, schedule=dict(accumulate=2), recompute=1),
        tmp_path / "run",
        resume=True,
    )
    run(mini.config(tmp_path, tiny_zip), tmp_path / "plain")
    for one, two in zip(losses(tmp_path / "run"), losses(tmp_path / "plain"), strict=True):
        assert all(abs(one[k] - two[k]) <= 1e-4 for k in set(one) - {"seconds"})


# -- several processes -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "restarts, local, prefix", [("0", "2", None), ("1", "2", "attempt-1"), ("1", "1", None)]
)
def test_processes_meet_where_no_dead_one_was_and_wait_for_long_scores(
    monkeypatch, restarts, local, prefix
):
    """A restart on one machine has a corner of torchrun's store for itself.

    Over machines torchrun makes a new one.
    """
    import torch.distributed as dist

    from gantoolkit.core import distributed

    met, store = {}, dist.HashStore()
    for name, value in dict(
        WORLD_SIZE="2", LOCAL_WORLD_SIZE=local, TORCHELASTIC_RESTART_COUNT=restarts
    ).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(dist, "rendezvous", lambda url: iter([(store, 0, 2)]))
    monkeypatch.setattr(
        dist, "init_process_group", lambda backend, **given: met.update(given, backend=backend)
    )
    monkeypatch.setattr(dist, "destroy_process_group", lambda: None)
    with distributed.joined(torch.device("cpu")):
        pass
    assert met["backend"] == "gloo" and met["timeout"].total_seconds() >= 6 * 3600
    if prefix is None:
        assert "store" not in met
    else:
        met["store"].set("key", "value")
        assert store.get(f"{prefix}/key") == b"value" and (met["rank"], met["world_size"]) == (0, 2)
