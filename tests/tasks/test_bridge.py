from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import mini
import numpy as np
import pytest
import torch
from mini import losses, make
from safetensors.torch import load_file

from gantoolkit import weights
from gantoolkit.core.errors import UsageError, WeightsError
from gantoolkit.core.images import to_float
from gantoolkit.core.types import Target
from gantoolkit.generators.stylegan2 import StyleGAN2
from gantoolkit.inference.load import load_pipeline
from gantoolkit.metrics import Evaluator
from gantoolkit.report import record
from gantoolkit.tasks.bridge.systems import render_systems
from gantoolkit.tasks.bridge.trajectories import row_bytes
from gantoolkit.training.batch import SeededBatch
from gantoolkit.training.runner import build_task, run


@pytest.fixture(autouse=True)
def own_cache(monkeypatch):
    monkeypatch.delenv("GANTOOLKIT_CACHE", raising=False)


@pytest.fixture(scope="module")
def whole(tmp_path_factory, tiny_zip):
    os.environ.pop("GANTOOLKIT_CACHE", None)
    folder = tmp_path_factory.mktemp("bridge")
    run(mini.config(folder, tiny_zip), folder / "run")
    return folder


def by_hand(task, seeded, phase, reconstruct, identify):
    """Eq. 6 / Eq. 7 in NumPy from the cache's content."""
    steps = SeededBatch(seeded.indices, seeded.seeds).integers(4)
    batch = task.data.train.read(seeded.indices, steps)
    with torch.no_grad():
        latent = task.bridge(
            task.encoder.features(batch.latents, batch.t, None), mapping_only=phase == "M"
        )
        image = task.generator.render(latent.ws, noise="const").image
        embed = task.terms["identity"].recognizer.embed
        cosine = (embed(identify(batch)) * embed(image)).sum(1).numpy()
    codes = (latent.ws - task.generator.mean_w).numpy()
    return dict(
        l2=np.mean((reconstruct(batch).numpy() - image.numpy()) ** 2),
        identity=0.1 * np.mean(1 - cosine),
        code=0.005 * np.mean([np.sqrt((c**2).sum()) for c in codes]),
    )


def rendered(task, batch):
    """G(w) of a batch of the validation split."""
    pipeline = task.evaluation.pipeline
    return render_systems(pipeline, task.data.val, batch, ("G(w)",))["G(w)"]


def gt(batch):
    return batch.sample.target.image_gt


def x0(batch):
    return batch.x0


@pytest.mark.parametrize(
    "targets, phase, reconstruct, identify",
    [
        ("paper", "M", gt, gt),
        ("paper", "T", x0, gt),
        ("x0", "M", x0, x0),
        ("x0", "T", x0, x0),
        ("gt", "M", gt, gt),
        ("gt", "T", gt, gt),
    ],
)
def test_equations_6_and_7(tmp_path, tiny_zip, targets, phase, reconstruct, identify):
    task = make(tmp_path, tiny_zip, targets=targets)
    torch.nn.init.normal_(task.bridge.t.weight, std=0.05)
    seeded = SeededBatch.of_iteration(1, 7, 0, 5, task.size())
    found = task.losses(phase, seeded, 7)
    for name, value in by_hand(task, seeded, phase, reconstruct, identify).items():
        assert found[name].item() == pytest.approx(float(value), rel=1e-4), name


def test_only_the_phase_gets_gradients(tmp_path, tiny_zip):
    task = make(tmp_path, tiny_zip)
    for phase, own, other in (
        ("M", task.bridge.m, task.bridge.t),
        ("T", task.bridge.t, task.bridge.m),
    ):
        task.bridge.zero_grad()
        sum(task.losses(phase, SeededBatch.of_iteration(0, 0, 0, 4, 24), 0).values()).backward()
        assert all(p.grad is not None for p in own.parameters())
        assert all(p.grad is None for p in other.parameters())
    assert all(p.grad is None for p in [*task.generator.parameters(), *task.encoder.parameters()])


def test_equation_7_reaches_m_where_the_bridge_does_not_detach(tmp_path, tiny_zip):
    for detach in (True, False):
        task = make(
            tmp_path,
            tiny_zip,
            bridge=dict(type="AbSM", width=4, mapping=dict(width=8), detach=detach),
        )
        mapping = [p.clone() for p in task.bridge.mapping_parameters()]
        torch.nn.init.normal_(task.bridge.styles["gamma"].blocks[0].linear.weight, std=0.1)
        for phase in ("M", "T"):  # M's turn last but one: T's must free again what it froze
            sum(task.losses(phase, SeededBatch.of_iteration(0, 0, 0, 4, 24), 0).values()).backward()
            if phase == "M":
                assert all(p.grad is not None for p in task.bridge.mapping_parameters())
                task.bridge.zero_grad()
        task.optimizers["T"].step()
        moved = any(
            not torch.equal(p, q) for p, q in zip(mapping, task.bridge.mapping_parameters())
        )
        assert moved != detach


@pytest.mark.parametrize("pyramid", [0, 4])
def test_the_encoder_stops_at_h_only_where_m_reads_no_f(tmp_path, tiny_zip, monkeypatch, pyramid):
    task, asked = (
        make(
            tmp_path,
            tiny_zip,
            bridge=dict(type="Mapping", width=8, pyramid=pyramid),
            training="M only",
        ),
        [],
    )
    features = task.encoder.features
    monkeypatch.setattr(task.encoder, "features", lambda *a: asked.append(a[-1]) or features(*a))
    sum(task.losses("M", SeededBatch.of_iteration(0, 0, 0, 4, 24), 0).values()).backward()
    assert asked == [not pyramid]
    assert all(p.grad is not None for p in task.bridge.parameters())


def test_phases(tmp_path, tiny_zip):
    task = make(tmp_path, tiny_zip, mapping_fraction=0.25)
    assert [next(iter(task.phases(i))) for i in (0, 2, 3, 11)] == ["M", "M", "T", "T"]
    assert make(tmp_path, tiny_zip, training="alternating").phases(0) == ("M", "T")
    assert list(make(tmp_path, tiny_zip, training="M only").optimizers) == ["M"]
    with pytest.raises(UsageError, match="training='often' is unknown; choose 'M then T'"):
        make(tmp_path, tiny_zip, training="often")


def test_a_run_is_not_made_so_long_that_t_would_have_been_m(tmp_path, tiny_zip):
    plain = dict(schedule=dict(iterations=4))
    folder, config = (
        tmp_path / "run",
        mini.config(tmp_path, tiny_zip, mapping_fraction=0.5, **plain),
    )
    run(config, folder)
    done = config["schedule"]["iterations"]
    longer = config | dict(schedule=config["schedule"] | dict(iterations=3 * done))
    with pytest.raises(
        UsageError,
        match=f"the {done} iterations of .* would have trained other parts; .*load_from=",
    ):
        run(longer, folder, resume=True)
    alternating = mini.config(tmp_path, tiny_zip, training="alternating", **plain)
    run(alternating, tmp_path / "other")
    record = run(alternating | dict(schedule=longer["schedule"]), tmp_path / "other", resume=True)
    assert record.notes == [
        f"Resumed at iteration {done} with schedule.iterations {3 * done} in place of {done}."
    ]


def test_an_encoder_without_images_has_none_in_scores_and_sheets(tmp_path, tiny_zip):
    task = make(tmp_path, tiny_zip, targets="gt", metrics=dict(ssim={}))
    for generates, rows in ((True, 5), (False, 4)):
        task.encoder.generates = generates
        assert (record.DIFFUSED in task.other_scores()) == generates
        assert task.evaluation.sheet(2).shape[1] // task.generator.resolution == rows
        assert ("x0" in task.samples(tmp_path / str(generates))[0]["images"]) == generates
    mini.REGISTRIES["encoder"].register_module(
        "Blind", module=type("Blind", (mini.FakeEncoder,), {"generates": False}), force=True
    )
    with pytest.raises(
        UsageError,
        match="Blind makes no image I.d_0, so targets='gt' with score_target='x0' cannot be",
    ):
        make(tmp_path, tiny_zip, encoder=dict(type="Blind"), targets="gt", score_target="x0")


@pytest.mark.parametrize(
    "shown, condition", [("scribble", "mask"), ("both", "mask"), ("mask", "both")]
)
def test_controlnets_are_shown_what_the_condition_has(tmp_path, tiny_zip, shown, condition):
    kind = type("Shown", (mini.FakeEncoder,), {"condition": shown})
    mini.REGISTRIES["encoder"].register_module("Shown", module=kind, force=True)
    with pytest.raises(
        UsageError, match=f"ControlNets are shown '{shown}', but condition='{condition}'; set"
    ):
        make(tmp_path, tiny_zip, encoder=dict(type="Shown"), condition=condition)
    assert not (tmp_path / "cache").exists()
    make(tmp_path, tiny_zip, encoder=dict(type="Shown"), condition=shown)


def test_settings_without_effect_are_refused_before_anything_is_cached(tmp_path, tiny_zip):
    with pytest.raises(UsageError, match="score_after_steps has 99, but the encoder takes 4"):
        make(tmp_path, tiny_zip, score_after_steps=[1, 99])
    with pytest.raises(UsageError, match="losses is empty, so nothing would be trained"):
        make(tmp_path, tiny_zip, losses={})
    assert not (tmp_path / "cache").exists()
    task = make(tmp_path, tiny_zip, metrics=dict(ssim={}), score_after_steps=[1, 4])
    assert [name for name in task.other_scores() if "after" in name] == ["G(w) after 1 of 4 steps"]


def test_losses_compare_at_the_smallest_size(tmp_path, tiny_zip):
    """Photos of 32 px and a generator of 64 px meet at 32; `loss_size` may say less."""
    sizes = dict(z_dim=16, w_dim=16, resolution=64, channels=[8, 8, 8, 8, 8], mapping_layers=2)
    larger = tmp_path / "larger.safetensors"
    weights.save(larger, StyleGAN2(**sizes).state_dict(), dict(type="StyleGAN2", **sizes))
    for loss_size in (None, 8):
        terms = dict(l2=dict(type="L2"))
        task = make(tmp_path, tiny_zip, generator=str(larger), losses=terms, loss_size=loss_size)
        timestep_batch = task.data.read(SeededBatch.of_iteration(0, 0, 0, 4, 24))
        photos = gt(timestep_batch)
        features = task.data.train.features(timestep_batch)
        image = task.objective.render(task.bridge(features, mapping_only=True)).image
        assert image.shape[-1] == 64 and photos.shape[-1] == 32
        size = loss_size or 32
        pooled = [x.unflatten(3, (size, -1)).unflatten(2, (size, -1)) for x in (image, photos)]
        first, second = (x.mean((3, 5)) for x in pooled)
        expected = (first - second).square().mean().item()
        found = task.losses("M", SeededBatch.of_iteration(0, 0, 0, 4, 24), 0)["l2"]
        assert found.item() == pytest.approx(expected, rel=1e-5)


def test_trains_from_the_cache_alone(whole, tmp_path, tiny_zip):
    task = build_task(mini.config(whole, tiny_zip), torch.device("cpu"), 1)
    task.prepare(whole, lambda *_: None)
    assert task.encoder.trajectories == 0
    batch = task.data.train.read(torch.tensor([3, 9]), torch.tensor([0, 3]))
    z, last = task.encoder.trajectory(batch.sample.condition)
    assert torch.equal(batch.latents, z[[0, 1], [0, 3]].half().float())
    assert (batch.x0 - last).abs().max() <= 1 / 255 + 1e-6
    other = build_task(
        mini.config(whole, tiny_zip, encoder=dict(type="FakeEncoder", guidance=4.0)),
        torch.device("cpu"),
        1,
    )
    assert (
        other.data.train.cache.folder != task.data.train.cache.folder
        and len(other.data.train.cache.missing()) == 3
    )


def test_more_captions_and_noised_truth(tmp_path, tiny_zip):
    task = make(tmp_path, tiny_zip, sampling=dict(captions=3, batch=8, source="gt_noised"))
    assert task.size() == 72
    texts = [task.data.train.sample(torch.tensor([row])).condition.text[0] for row in (2, 26, 50)]
    assert [t[-1] for t in texts] == ["4", "5", "6"] and len({t[:-1] for t in texts}) == 1
    plain = make(tmp_path, tiny_zip, sampling=dict(batch=8))
    assert not torch.equal(task.data.train.read([2]).latents, plain.data.train.read([2]).latents)
    assert torch.equal(gt(task.data.train.read([2])), to_float(task.data.train.data.images[[2]]))


def test_noised_truth_has_an_x0_of_every_step(tmp_path, tiny_zip):
    """I^d_0 is that z_t denoised to the end: T's and identity targets differ from step to step."""
    task = make(tmp_path, tiny_zip, targets="x0", sampling=dict(batch=8, source="gt_noised"))
    rows, steps = torch.tensor([3, 9, 9]), torch.tensor([0, 3, 1])
    batch = task.data.train.read(rows, steps)
    own = task.encoder.denoise(batch.latents, batch.sample.condition)
    assert (batch.x0 - own).abs().max() <= 1 / 255 + 1e-3 and (
        batch.x0[1] - batch.x0[2]
    ).abs().max() > 0.05
    wanted = task.terms["identity"].prepare(batch.x0)
    torch.testing.assert_close(task.data.embeddings.read("identity", "x0", rows, steps), wanted)
    found = sum(task.losses("T", SeededBatch.of_iteration(0, 0, 0, 4, 24), 0).values())
    assert torch.isfinite(found)
    index = json.loads((task.data.train.cache.folder / "index.json").read_text())
    assert (
        0 < index["bytes"] - 24 * row_bytes(4, (4, 8, 8), 32, noised=True) < 3 * 400
    )  # headers of three shards


def test_embeddings_belong_to_a_crop(tmp_path, tiny_zip):
    plain = make(tmp_path, tiny_zip)
    losses = mini.config(tmp_path, tiny_zip)["losses"]
    cut = make(
        tmp_path, tiny_zip, losses=losses | dict(identity=losses["identity"] | dict(crop="eg3d"))
    )
    assert plain.data.train.cache.folder == cut.data.train.cache.folder
    assert plain.data.embeddings.cache.folder != cut.data.embeddings.cache.folder
    rows = torch.arange(4)
    found = cut.data.embeddings.read("identity", "gt", rows)
    torch.testing.assert_close(
        found, cut.terms["identity"].prepare(to_float(cut.data.train.data.images[rows]))
    )
    assert (found - plain.data.embeddings.read("identity", "gt", rows)).abs().max() > 1e-3


def test_features_are_cached_only_within_the_budget(tmp_path, tiny_zip):
    cache = dict(folder=str(tmp_path / "cache"))
    small = make(tmp_path, tiny_zip, cache=cache | dict(max_gb=1e-6))
    large = make(tmp_path, tiny_zip, cache=cache | dict(max_gb=1e-2))
    assert not small.data.train.stores_features and large.data.train.stores_features
    batch = large.data.train.read(torch.tensor([5, 17]), torch.tensor([3, 1]))
    computed, stored = small.data.train.features(batch), large.data.train.features(batch)
    assert torch.equal(stored.words, computed.words) and torch.equal(stored.t, computed.t)
    torch.testing.assert_close(stored.h, computed.h, atol=2e-3, rtol=1e-3)
    torch.testing.assert_close(stored.f[0], computed.f[0], atol=2e-3, rtol=1e-3)
    totals = [
        sum(task.losses("M", SeededBatch.of_iteration(0, 0, 0, 4, 24), 0).values())
        for task in (small, large)
    ]
    assert totals[0].item() == pytest.approx(totals[1].item(), rel=1e-3)


def test_run_learns_and_checkpoints_only_the_bridge(whole):
    rows = losses(whole / "run")
    assert rows[5]["M"] < rows[0]["M"] and "T/l2" in rows[-1] and "M" not in rows[-1]
    keys = load_file(whole / "run/checkpoint/00000012/trainable.safetensors").keys()
    assert {k.split(".")[0] for k in keys} == {"bridge"}
    record = json.loads((whole / "run/record.json").read_text())
    assert len(record["samples"]) == 6 and record["samples"][0]["images"]["G(w)"].endswith(".png")
    assert set(record["weights"]) == {
        str(whole / n) for n in ("generator.safetensors", "arcface.safetensors")
    }


@pytest.mark.parametrize("killed_while", ["cache", "training"])
def test_kill_at_any_moment_and_resume(whole, tmp_path, tiny_zip, killed_while):
    """SIGKILL as soon as the first shard, or the fifth loss line, is on the disk."""
    out, config = tmp_path / "run", mini.config(whole, tiny_zip)
    mini.write_networks(tmp_path)
    (tmp_path / "arcface.safetensors").write_bytes((whole / "arcface.safetensors").read_bytes())
    process = subprocess.Popen(
        [sys.executable, mini.__file__, str(out), str(tiny_zip)], stderr=subprocess.DEVNULL
    )
    is_time = dict(
        cache=lambda: list(tmp_path.rglob("000000.safetensors")),
        training=lambda: (out / "losses.jsonl").exists() and len(losses(out)) >= 5,
    )[killed_while]
    while not is_time() and process.poll() is None:
        time.sleep(0.005)
    process.kill()
    process.wait()
    run(mini.config(tmp_path, tiny_zip), out, resume=True)
    for one, two in zip(losses(whole / "run"), losses(out), strict=True):
        assert all(abs(one[k] - two[k]) <= 1e-5 for k in set(one) - {"seconds"})
    assert config["seed"] == 1


def test_two_processes_equal_one(whole, tmp_path, tiny_zip):
    launch = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc-per-node",
        "2",
        "--master-port",
        str(20000 + (os.getpid() + 7) % 20000),
    ]
    done = subprocess.run(
        [*launch, mini.__file__, str(tmp_path / "run"), str(tiny_zip)],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    for one, two in zip(losses(whole / "run"), losses(tmp_path / "run"), strict=True):
        assert all(abs(one[k] - two[k]) <= 1e-4 for k in set(one) - {"seconds"})


def test_a_network_of_the_losses_may_not_judge(tmp_path, tiny_zip):
    mini.write_networks(tmp_path)
    metrics = dict(id_gt=dict(network=str(tmp_path / "arcface.safetensors")))
    with pytest.raises(UsageError, match="'identity' used"):
        make(tmp_path, tiny_zip, metrics=metrics)


def test_scores_of_all_systems(tmp_path, tiny_zip):
    task = make(tmp_path, tiny_zip, metrics=dict(ms_ssim={}), score_after_steps=[1])
    found = task.other_scores() | {task.system: task.validate()}
    early = "G(w) after 1 of 4 steps"
    assert set(found) == {"mean face", "G(w_m)", "G(w)", "I^d_0", early}
    assert (
        found[early]["ms_ssim"].conditions["t_out"] == 900
        and found["G(w)"]["ms_ssim"].conditions["t_out"] == 225
    )
    assert found[early]["ms_ssim"].conditions["seconds_per_image"] > 0
    assert (
        found["G(w)"]["ms_ssim"].n == 6
        and found["G(w)"]["ms_ssim"].conditions["latent_source"] == "trajectory"
    )
    assert found["G(w)"]["ms_ssim"].value == pytest.approx(
        found["G(w_m)"]["ms_ssim"].value
    )  # T starts as identity
    assert "no share of the gap" in task.notes()[0]
    assert task.pictures()["val"].shape == (3, 5 * 32, 6 * 32)


def test_scores_against_the_diffusion_models_image(tmp_path, tiny_zip):
    """Style transfer: no photo is the truth, and I^d_0 is not scored against itself."""
    task = make(tmp_path, tiny_zip, metrics=dict(ms_ssim={}), targets="x0", score_target="x0")
    found = task.other_scores() | {task.system: task.validate()}
    assert (
        set(found) == {"mean face", "G(w_m)", "G(w)"}
        and found["G(w)"]["ms_ssim"].conditions["target"] == "I^d_0"
    )
    batch = task.data.val.read(torch.arange(6))
    image = rendered(task, batch)
    own = Evaluator(dict(ms_ssim={}))
    own.update(image, Target(batch.x0), batch.sample.condition)
    assert found["G(w)"]["ms_ssim"].value == pytest.approx(own.compute()["ms_ssim"].value, abs=1e-6)
    photo = make(tmp_path, tiny_zip, metrics=dict(ms_ssim={}), targets="x0").validate()["ms_ssim"]
    assert (
        photo.value != pytest.approx(own.compute()["ms_ssim"].value, abs=1e-3)
        and "target" not in photo.conditions
    )
    with pytest.raises(UsageError, match="score_target='photo' is unknown; choose 'gt' or 'x0'"):
        make(tmp_path, tiny_zip, score_target="photo")


def test_pipeline_from_a_run(whole, tiny_zip):
    pipeline = load_pipeline(whole / "run")
    task = build_task(mini.config(whole, tiny_zip), torch.device("cpu"), 1)
    task.bridge.load_state_dict(weights.load(whole / "run/export/bridge.safetensors")[0])
    task.prepare(whole, lambda *_: None)
    batch = task.data.val.read([0, 1])
    expected = rendered(task, batch)
    condition = batch.sample.condition
    torch.testing.assert_close(
        pipeline(condition).tensor, expected, atol=2e-3, rtol=0
    )  # the cache holds halves
    steps = [pipeline.bridge(f).ws for f in pipeline.encoder.trace(condition)]
    assert torch.equal(pipeline(condition, t_out=500).latent.ws, steps[2])
    torch.testing.assert_close(
        pipeline(condition, aggregate="mean").latent.ws, torch.stack(steps).mean(0)
    )
    with pytest.raises(WeightsError):
        load_pipeline(whole / "generator.safetensors")


def test_pipeline_from_a_checkpoint(whole, tmp_path):
    import shutil

    shutil.copytree(whole / "run", tmp_path / "run", ignore=shutil.ignore_patterns("export"))
    one, two = load_pipeline(whole / "run").bridge, load_pipeline(tmp_path / "run").bridge
    for key, value in one.state_dict().items():
        assert torch.equal(value, two.state_dict()[key])
