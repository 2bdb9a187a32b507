"""The adversarial phase of task `gan`: its losses by hand, its codes, and where it begins."""

from __future__ import annotations

import json
import math
import zipfile

import pytest
import torch
from test_codes import finished
from test_gan import DISCRIMINATOR, FLAT, SOLID, build, iterate, make
from torch import nn

from gantoolkit import weights
from gantoolkit.core.errors import UsageError, WeightsError
from gantoolkit.core.types import Render
from gantoolkit.generators import load_generator
from gantoolkit.networks.face_parser import FaceParser
from gantoolkit.registry import registry
from gantoolkit.tasks.gan import start
from gantoolkit.tasks.gan.adversarial import AdversarialLoss
from gantoolkit.tasks.gan.config import AdversaryConfig
from gantoolkit.tasks.gan.drawing import coarse_distance, fresh_codes
from gantoolkit.tasks.gan.losses import discriminator_loss, generator_loss
from gantoolkit.training import checkpoint
from gantoolkit.training.batch import SeededBatch
from gantoolkit.training.runner import run

ONLY_ADVERSARIAL = dict(regress=0, pairs=0.0, held_out=4, adversarial=1.0, r1_gamma=0.0)


def batch(count: int = 4, iteration: int = 0) -> SeededBatch:
    return SeededBatch.of_iteration(0, iteration, 0, count, 20)


def parser_file(folder):
    """A small trunk as a weights file."""
    torch.manual_seed(3)
    network = FaceParser(resolution=32, widths=(8, 12, 16))
    return weights.save(folder / "trunk.safetensors", network.state_dict(), network.arch)


def generator_file(tiny_zip, folder, kind="flat", **more):
    """The export of an untrained task."""
    (path,) = make(tiny_zip, kind, **more).export(folder)
    return path


def projected(folder) -> dict:
    trunk = str(parser_file(folder))
    return dict(type="ProjectedDiscriminator", network=trunk, channels=8, patches=4)


# -- losses ----------------------------------------------------------------------------------------


def test_losses_by_hand():
    real, fake = torch.tensor([[0.5], [2.0]]), torch.tensor([[-2.0], [0.25]])
    hinge = discriminator_loss(real, fake, "hinge")
    assert hinge["real"].item() == (0.5 + 0) / 2 and hinge["fake"].item() == (0 + 1.25) / 2
    assert generator_loss(fake, "hinge").item() == pytest.approx((2 - 0.25) / 2)
    softplus = [math.log1p(math.exp(x)) for x in (-2 - 0.5, 0.25 - 2)]
    assert discriminator_loss(real, fake, "rpgan")["pairs"].item() == pytest.approx(
        sum(softplus) / 2
    )
    reverse = [math.log1p(math.exp(x)) for x in (0.5 + 2, 2 - 0.25)]
    assert generator_loss(fake, "rpgan", real).item() == pytest.approx(sum(reverse) / 2)


class Linear(nn.Module):
    """D(x) = ⟨a, x⟩ in two equal logits; its gradient is a everywhere."""

    c_dim = 0

    def __init__(self, a: torch.Tensor):
        super().__init__()
        self.a = nn.Parameter(a)

    def forward(self, images, c=None):
        return (images * self.a).sum((1, 2, 3))[:, None].expand(-1, 2)


def adversarial(discriminator, r1_gamma=0.0, r1_interval=1, **config) -> AdversarialLoss:
    return AdversarialLoss(
        discriminator, AdversaryConfig.of(config), None, r1_gamma, r1_interval, 1.0, 0.0
    )


@pytest.mark.parametrize("loss", ["logistic", "hinge", "rpgan"])
def test_penalties_of_a_linear_discriminator(loss):
    a = torch.randn(3, 8, 8, generator=torch.Generator().manual_seed(0))
    game = adversarial(Linear(a), r1_gamma=0.5, r1_interval=4, r2_gamma=0.2, loss=loss)
    images = torch.rand(4, 3, 8, 8)
    args = (Render(images), Render(images / 2), torch.zeros(4, 25))
    terms = game.discriminator_loss(*args, iteration=8, batch=batch())
    assert terms["r1"].item() == pytest.approx(0.5 / 2 * 4 * a.square().sum().item(), rel=1e-5)
    assert terms["r2"].item() == pytest.approx(0.2 / 2 * 4 * a.square().sum().item(), rel=1e-5)
    assert not {"r1", "r2"} & game.discriminator_loss(*args, iteration=9, batch=batch()).keys()
    without = adversarial(Linear(a), loss=loss)
    assert not {"r1", "r2"} & without.discriminator_loss(*args, 0, batch()).keys()


def test_a_penalty_is_the_gradient_that_finite_differences_see(tmp_path):
    torch.manual_seed(2)
    network = registry.build("network", {"resolution": 32, **projected(tmp_path)}).eval().double()
    network.requires_grad_(False)
    network.heads.requires_grad_(True)
    game = adversarial(network)
    image = torch.rand(1, 3, 32, 32, dtype=torch.float64)
    penalty = game._gradient_penalty(image, torch.zeros(1, 25))
    penalty.backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in network.heads.parameters())
    assert any(p.grad is not None and p.grad.any() for p in network.heads.parameters())
    gradient = torch.autograd.functional.jacobian(lambda x: network(x).mean(1), image)
    direction = gradient[0] / gradient.norm()
    step = 1e-4
    with torch.no_grad():
        high, low = (network(image + sign * step * direction).mean() for sign in (1, -1))
    slope = (high - low) / (2 * step)
    assert slope.square().item() == pytest.approx(penalty.item(), rel=1e-2)


@pytest.mark.parametrize("kind", ["flat", "solid"])
def test_noise_is_learnt_and_depends_on_the_iteration_alone(tiny_zip, kind):
    runs = []
    for seed in range(2):
        task = make(tiny_zip, kind, regress=0, adversary=dict(noise="random"))
        torch.manual_seed(seed)  # a global state that must not matter
        runs.append([iterate(task, i) for i in range(3)])
    assert runs[0] == runs[1]
    strengths = [
        tensor.item()
        for name, tensor in task.generator.named_parameters()
        if name.endswith("noise_strength") and "superresolution" not in name
    ]
    assert strengths and all(strengths)
    with pytest.raises(UsageError, match="adversary.noise='const' .*none.*random"):
        AdversaryConfig(noise="const")


@pytest.mark.parametrize("loss", ["logistic", "hinge", "rpgan"])
def test_a_generator_step_goes_towards_what_the_discriminator_calls_real(loss):
    a = torch.randn(3, 8, 8, generator=torch.Generator().manual_seed(0))
    game = adversarial(Linear(a), loss=loss)
    fake = torch.zeros(4, 3, 8, 8, requires_grad=True)
    terms = game.generator_loss(
        Render(fake), torch.zeros(4, 3, 8, 8), 0, torch.zeros(4, 25), batch()
    )
    assert terms.keys() == {"adversarial"}
    terms["adversarial"].backward()
    assert (
        torch.cosine_similarity(-fake.grad.flatten(), a.expand(4, -1, -1, -1).flatten(), 0) > 0.99
    )
    assert game.discriminator.a.grad is None and game.discriminator.a.requires_grad


def test_augmentation_changes_what_the_discriminator_sees():
    class Seen(Linear):
        def forward(self, images, c=None):
            self.images = images
            return super().forward(images, c)

    seen = Seen(torch.ones(3, 8, 8))
    game = adversarial(seen, augmentation=dict(color=0, translation=0, cutout=1.0))
    images = torch.rand(4, 3, 8, 8) + 1
    game.generator_loss(Render(images), images, 0, torch.zeros(4, 25), batch())
    assert (seen.images == 0).any() and not torch.equal(seen.images, images)
    first = seen.images
    game.generator_loss(Render(images), images, 0, torch.zeros(4, 25), batch())
    assert torch.equal(first, seen.images)  # a function of the batch


def test_a_projected_discriminator_has_no_features_to_match(tiny_zip, tmp_path):
    networks = dict(generator=FLAT, discriminator=projected(tmp_path), held_out=4)
    with pytest.raises(UsageError, match="feature_matching=0"):
        build(tiny_zip, **networks)
    task = build(tiny_zip, **networks, regress=0, feature_matching=0)
    assert {"D/real", "G/pyramid", "G/adversarial"} <= iterate(task, 0).keys()


# -- codes -----------------------------------------------------------------------------------------


def test_truncated_codes_lie_on_the_line_through_the_mean(tiny_zip):
    generator = make(tiny_zip, "flat").generator
    generator.mapping.w_avg.fill_(0.5)
    plain = fresh_codes(generator, batch(200), 0, 0.0, (0.5, 1.2))
    some = fresh_codes(generator, batch(200), 0, 0.25, (0.5, 1.2))
    psi = ((some - 0.5) / (plain - 0.5))[:, 0].mean(1)
    is_truncated = (psi - 1).abs() > 1e-5
    assert 30 < is_truncated.sum() < 70
    assert 0.5 <= psi.min() < 0.6 and 1.1 < psi.max() <= 1.2
    torch.testing.assert_close(some, 0.5 + psi[:, None, None] * (plain - 0.5))
    torch.testing.assert_close(fresh_codes(generator, batch(8), 5, 0.0, (1, 1)), plain[5:8])


def test_coarse_distance_sees_averages_only():
    image = torch.rand(2, 3, 16, 16)
    mirrored = image.view(2, 3, 8, 2, 8, 2).flip(3, 5).reshape(2, 3, 16, 16)
    assert coarse_distance(image, mirrored, 8) < 1e-6 < (image - mirrored).abs().mean()
    assert coarse_distance(image, image + 0.5, 8).item() == pytest.approx(0.5, abs=1e-6)


# -- the phase -------------------------------------------------------------------------------------


def test_the_discriminator_warms_up_alone(tiny_zip):
    task = make(tiny_zip, "flat", regress=2, adversary=dict(discriminator_warmup=3, lr=1e-4))
    phases = [task.phases(iteration) for iteration in range(7)]
    assert phases == [("G",)] * 2 + [("D",)] * 3 + [("D", "G")] * 2
    assert task.optimizers["G"].param_groups[0]["initial_lr"] == pytest.approx(1e-4)
    at_once = make(tiny_zip, "flat", regress=0, lr=9.0)
    assert at_once.phases(0) == ("D", "G")
    assert at_once.optimizers["G"].param_groups[0]["initial_lr"] == at_once.config.lr_discriminator


@pytest.mark.parametrize("kind", ["flat", "solid"])
@pytest.mark.parametrize("loss", ["hinge", "rpgan"])
def test_a_generator_goes_on_against_an_adversary_only(tiny_zip, tmp_path, kind, loss):
    path = generator_file(tiny_zip, tmp_path, kind)
    adversary = dict(
        loss=loss,
        truncated=0.5,
        consistency=2.0,
        depth_consistency=3.0,
        freeze_mapping=True,
        augmentation={},
        discriminator_warmup=1,
    )
    task = build(
        tiny_zip,
        discriminator=projected(tmp_path),
        init_from=str(path),
        adversary=adversary,
        **ONLY_ADVERSARIAL,
    )
    before = {key: value.clone() for key, value in task.generator.state_dict().items()}
    names = {"pairs"} if loss == "rpgan" else {"real", "fake"}
    assert iterate(task, 0).keys() == {f"D/{name}" for name in names} | {"D/_sign"}
    logged = iterate(task, 1)
    assert {"G/adversarial", "G/consistency"} <= logged.keys()
    assert ("G/depth" in logged) == (kind == "solid")
    # nothing but the jitter along EG3D's rays differs before the generator's first step
    assert logged["G/consistency"] < (1e-6 if kind == "flat" else 0.2)
    assert iterate(task, 2)["G/consistency"] > 0
    changed = {
        key for key, value in task.generator.state_dict().items() if not before[key].equal(value)
    }
    assert changed and not [key for key in changed if "mapping" in key]  # w̄ neither
    trunk = projected(tmp_path)["network"]
    assert task.networks()["discriminator"] == trunk
    scores = task.validate()
    assert scores["detail_octave1"].n == 4 and scores["detail_octave1"].arrow == "→ 1"
    assert task.pictures()["samples"].shape[2] == 32 * 8
    (tmp_path / "out").mkdir()
    (exported,) = task.export(tmp_path / "out")
    loaded = load_generator(exported)
    torch.testing.assert_close(loaded.mean_w, load_generator(path).mean_w)
    assert weights.training_networks(path) == {}  # a generator that no network taught
    assert weights.training_networks(exported) == {"discriminator": trunk}
    assert start.networks_of_start(str(exported)) == {f"discriminator of {exported.name}": trunk}


def test_the_mapping_network_can_be_trained_too(tiny_zip, tmp_path):
    path = generator_file(tiny_zip, tmp_path)
    task = build(
        tiny_zip,
        discriminator=dict(type="Discriminator", **DISCRIMINATOR),
        init_from=str(path),
        **ONLY_ADVERSARIAL,
    )
    before = task.generator.mapping.fc0.weight.clone()
    iterate(task, 0)
    assert not torch.equal(before, task.generator.mapping.fc0.weight)
    moved = (task.ema_generator.mapping.fc0.weight - before).abs().max()
    assert moved > 0  # the average follows


@pytest.fixture
def bare_zip(tiny_zip, tmp_path):
    """Faces without the renderer's factors."""
    path = tmp_path / "bare.zip"
    with zipfile.ZipFile(tiny_zip) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "samples.jsonl":
                lines = [json.loads(line) for line in content.decode().splitlines()]
                for line in lines:
                    line.pop("factors")
                content = "\n".join(map(json.dumps, lines)).encode()
            new.writestr(name, content)
    return path


def test_faces_need_no_factors_without_pairs(tiny_zip, bare_zip, tmp_path):
    path = generator_file(tiny_zip, tmp_path)
    discriminator = dict(type="Discriminator", **DISCRIMINATOR)
    task = build(bare_zip, discriminator=discriminator, init_from=str(path), **ONLY_ADVERSARIAL)
    assert "G/adversarial" in iterate(task, 0)
    assert task.validate() and task.pictures()


@pytest.mark.parametrize("generator", [FLAT, SOLID], ids=["flat", "solid"])
def test_an_encoder_goes_on_learning_from_faces_without_factors(
    tiny_zip, bare_zip, tmp_path, generator
):
    """Its codes are those that the finished run's encoder read; the mapping network stays."""
    folder = finished(tiny_zip, tmp_path / "gan", generator)
    keys = dict(ONLY_ADVERSARIAL, pairs=1.0, feature_matching=0.0)
    keys |= dict(init_from=str(folder), encoder_from=str(folder), discriminator=projected(tmp_path))
    keys |= dict(adversary=dict(freeze_mapping=True))
    task = build(bare_zip, encoder=dict(type="FaceEncoder"), **keys)
    before = checkpoint.module_state(folder / "checkpoint", "encoder")
    mapping = task.generator.state_dict()
    mapping = {key: value.clone() for key, value in mapping.items() if "mapping" in key}
    assert all(before[key].equal(value) for key, value in task.encoder.state_dict().items())

    losses = iterate(task, 0)
    assert {"G/pyramid", "G/compact", "G/adversarial"} <= losses.keys()
    assert "G/code" not in losses
    assert not before["linear.weight"].equal(task.encoder.linear.weight)
    after = task.generator.state_dict()
    assert all(after[key].equal(value) for key, value in mapping.items())
    assert task.validate().keys() == {f"detail_octave{octave}" for octave in (1, 2, 3)}
    assert task.pictures()["samples"].shape[1] == 32 * (5 if generator is FLAT else 14)

    with pytest.raises(UsageError, match="has other layers; set `encoder` as there"):
        build(bare_zip, encoder=dict(type="FaceEncoder", widths=(8, 8)), **keys)
    with pytest.raises(UsageError, match="is not a finished run of task 'gan' with an encoder"):
        build(bare_zip, encoder=dict(type="FaceEncoder"), **dict(keys, encoder_from=str(tmp_path)))


def test_consistency_refers_to_the_generator_when_phase_b_begins(tiny_zip):
    task = make(tiny_zip, "flat", regress=2, adversary=dict(consistency=1.0), lr=0.02)
    first = task.phase_b.earlier_generator.synthesis.b4.const.clone()
    iterate(task, 0)
    iterate(task, 1)
    at_begin = task.phase_b.earlier_generator.synthesis.b4.const.clone()
    assert torch.equal(at_begin, task.ema_generator.synthesis.b4.const)
    assert not torch.equal(first, at_begin)
    iterate(task, 2)
    assert torch.equal(at_begin, task.phase_b.earlier_generator.synthesis.b4.const)
    assert task.ema_modules["earlier"] is task.phase_b.earlier_generator  # checkpointed


def test_a_shard_of_one_known_face_is_held_too(tiny_zip):
    task = make(tiny_zip, "flat", regress=0, adversary=dict(consistency=1.0))
    with torch.no_grad():
        task.generator.synthesis.b4.const.add_(1.0)  # away from the earlier generator
    losses = task.losses("G", batch(1), 0)
    assert "pyramid" in losses and 0 < losses["consistency"].item() < math.inf


def test_depth_consistency_is_the_distance_of_depths(tiny_zip):
    task = make(tiny_zip, "solid", adversary=dict(depth_consistency=3.0))
    ws = task.generator.mapping(torch.randn(2, task.generator.z_dim))
    cameras = task.faces.cameras[:2]
    drawn = task.render(task.generator, ws, cameras)
    moved = Render(drawn.image, drawn.image_raw, drawn.depth + 0.25)
    losses = task.phase_b._consistency_losses(moved, ws, cameras)
    assert losses.keys() == {"depth"}
    assert losses["depth"].item() == pytest.approx(0.75, rel=1e-4)


def config(tiny_zip, folder, iterations):
    return dict(
        task="gan",
        name="adversarial",
        data=str(tiny_zip),
        init_from=str(folder / "stylegan2.safetensors"),
        discriminator=projected(folder),
        adversary=dict(loss="hinge", consistency=1.0, truncated=0.3, augmentation={}),
        report=False,
        device="cpu",
        schedule=dict(iterations=iterations, batch=4, log_every=1, save_every=2),
        **ONLY_ADVERSARIAL,
    )


def test_a_resumed_run_ends_where_one_without_a_stop_ends(tiny_zip, tmp_path):
    generator_file(tiny_zip, tmp_path)
    run(config(tiny_zip, tmp_path, 4), tmp_path / "whole")
    run(config(tiny_zip, tmp_path, 2), tmp_path / "parts")
    run(config(tiny_zip, tmp_path, 4), tmp_path / "parts", resume=True)
    whole, parts = (
        weights.load(tmp_path / name / "export" / "stylegan2.safetensors")[0]
        for name in ("whole", "parts")
    )
    for key, tensor in whole.items():
        assert torch.equal(tensor, parts[key]), key
    record = json.loads((tmp_path / "parts" / "record.json").read_text())
    assert any("began from" in note for note in record["notes"])


# -- where it begins -------------------------------------------------------------------------------


def test_a_run_folder_and_a_grown_generator(tiny_zip, tmp_path):
    path = generator_file(tiny_zip, tmp_path)
    export = tmp_path / "run" / "export"
    export.mkdir(parents=True)
    with pytest.raises(WeightsError, match="exported 0 weights files"):
        build(tiny_zip, init_from=str(tmp_path / "run"))
    (export / "stylegan2.safetensors").write_bytes(path.read_bytes())
    task = build(tiny_zip, init_from=str(tmp_path / "run"), held_out=4)
    z = torch.randn(2, task.generator.z_dim)
    torch.testing.assert_close(task.generator.mapping(z), load_generator(path).mapping(z))
    assert all(p.requires_grad for p in task.generator.parameters())

    from gantoolkit.tasks.gan.start import build_initial_generator

    with pytest.raises(UsageError, match="draws 32 px and the data has 64 px"):
        build_initial_generator(None, str(path), 64, 0)
    large, arch, sentence = build_initial_generator(FLAT, str(path), 64, 0)
    assert arch["resolution"] == 64 and "tensors" in sentence
    small = load_generator(path)
    ws = large.mapping(z)
    image = large.render(ws, noise="none").image
    expected = small.render(small.mapping(z), noise="none").image
    assert image.shape[-1] == 64
    # the new block adds nothing: what is drawn is the smaller picture, enlarged
    shrunk = nn.functional.avg_pool2d(image, 2)[..., 2:-2, 2:-2]
    assert (shrunk - expected[..., 2:-2, 2:-2]).abs().mean() < 0.1 * expected.std()


def test_nothing_to_begin_from_and_nothing_that_fits(tiny_zip, tmp_path):
    with pytest.raises(UsageError, match="needs `generator`, `init_from`"):
        build(tiny_zip)
    path = generator_file(tiny_zip, tmp_path)
    with pytest.raises(WeightsError, match="No tensor of"):
        build(tiny_zip, generator=dict(SOLID, w_dim=24), init_from=str(path))
    with pytest.raises(UsageError, match="adversary has no key 'warmup'"):
        make(tiny_zip, "flat", adversary=dict(warmup=3))
    with pytest.raises(UsageError, match="adversary.loss"):
        make(tiny_zip, "flat", adversary=dict(loss="wasserstein"))
