"""MM2Latent-style and MMFace-DiT-style: from training to faces, and what each input decides."""

import json
from dataclasses import replace

import pytest
import tiny
import torch
import torch.nn.functional as F
from gantoolkit_baselines.mm2latent import MM2Latent, pseudo_text
from gantoolkit_baselines.train_mm2latent import MM2LatentTraining

from gantoolkit import weights
from gantoolkit.bench import systems
from gantoolkit.core.errors import UsageError
from gantoolkit.core.images import one_hot
from gantoolkit.core.types import Condition
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.encoders.folders import save_component
from gantoolkit.generators.eg3d import EG3D
from gantoolkit.generators.stylegan2 import StyleGAN2
from gantoolkit.networks.face_parser import FaceParser
from gantoolkit.networks.tokenizer import train_tokenizer
from gantoolkit.networks.towers import ImageTower, Towers, text_model
from gantoolkit.training.batch import SeededBatch
from gantoolkit.training.runner import run

CAPTIONS = ["a face with black hair", "a face with blond hair"]
FLAT = dict(z_dim=8, w_dim=16, resolution=32, mapping_layers=2, channels=[8, 8, 8, 8])
SIZES = dict(embedding=16, width=32, layers=2, widths=[8, 8, 8])


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    """Files of a flat generator and a parser, a folder of towers, all untrained."""
    folder = tmp_path_factory.mktemp("zoo")
    torch.manual_seed(0)
    generator = StyleGAN2(**FLAT)
    parser = FaceParser(32, widths=(8, 8), finest=8)
    weights.save(
        folder / "flat.safetensors", generator.state_dict(), dict(type="StyleGAN2", **FLAT)
    )
    weights.save(folder / "parser.safetensors", parser.state_dict(), parser.arch)
    tokenizer = train_tokenizer(CAPTIONS, 560, 24)
    image_tower = ImageTower(32, (8, 8), 12)
    Towers(text_model(tokenizer, 16, 1, 2), tokenizer, image_tower, ["face"]).save(
        folder / "towers"
    )
    return folder


def config(zoo, tiny_zip, **keys):
    common = dict(data=str(tiny_zip), held_out=4, generator=str(zoo / "flat.safetensors"))
    networks = dict(towers=str(zoo / "towers"), parser=str(zoo / "parser.safetensors"))
    return common | networks | SIZES | keys


def make(zoo, tiny_zip, **keys) -> MM2LatentTraining:
    task = MM2LatentTraining(MM2LatentTraining.config_class(**config(zoo, tiny_zip, **keys)))
    task.plan(100)
    return task


def test_an_untrained_network_gives_the_mean_code_and_a_trained_one_reads_both_inputs():
    torch.manual_seed(0)
    network = MM2Latent(32, 16, 12, **SIZES)
    network.mean_w.copy_(torch.randn(16))
    text = F.normalize(torch.randn(2, 12), dim=1)
    masks = torch.randn(2, 16)
    assert torch.equal(network(text, masks), network.mean_w.expand(2, 16))
    torch.nn.init.normal_(network.mapping[-1].weight)
    found = network(text, masks)
    assert (network(text.flip(0), masks) - found).abs().min(1).values.min() > 0
    assert (network(text, masks.flip(0)) - found).abs().min(1).values.min() > 0
    assert network.autoencoder(torch.randn(2, 19, 32, 32)).shape == (2, 19, 32, 32)


def test_pseudo_texts_have_unit_length_and_lie_at_the_angle_that_the_noise_says():
    images = torch.tensor([[3.0, 0.0], [0.0, 0.5]])
    across = torch.tensor([[0.0, 7.0], [0.1, 0.0]])
    found = pseudo_text(images, across, 0.75)  # tan of the angle is 3/4
    torch.testing.assert_close(found, torch.tensor([[0.8, 0.6], [0.6, 0.8]]))
    assert torch.equal(pseudo_text(images, across, 0.0), F.normalize(images, dim=1))


def test_the_losses_compare_with_the_generators_own_codes(zoo, tiny_zip):
    task = make(zoo, tiny_zip, noise=0.0, code=1.0, pixels=2.0, similarity=3.0)
    z = torch.randn(4, 8, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        ws = task.generator.mapping(z)
        image = task.generator.render(ws, noise="const", deterministic=True).image
        mean = task.generator.mean_w.expand_as(ws)
        mean_image = task.generator.render(mean, noise="const", deterministic=True).image
        cosine = (task.towers.embed_image(image) * task.towers.embed_image(mean_image)).sum(1)
    losses = task._mapping_losses(z, torch.randn(4, 12))  # untrained: the mean code
    torch.testing.assert_close(losses["code"], (ws[:, 0] - mean[:, 0]).abs().mean())
    torch.testing.assert_close(losses["pixels"], 2 * (image - mean_image).abs().mean())
    torch.testing.assert_close(losses["similarity"], 3 * (1 - cosine).mean())


def test_each_phase_learns_its_own_batch_and_leaves_the_other_alone(zoo, tiny_zip):
    task = make(zoo, tiny_zip, lr=1e-2)
    batch = SeededBatch.of_iteration(0, 0, 0, 8, task.size())
    parts = {"autoencoder": task.network.autoencoder, "mapping": task.network.mapping}
    assert task.phases(24) == ("autoencoder",) and task.phases(25) == ("mapping",)
    assert task.phase_range("mapping") == (25, 100)
    for phase, other in (("autoencoder", "mapping"), ("mapping", "autoencoder")):
        before = [parameter.clone() for parameter in parts[other].parameters()]
        totals = []
        for _ in range(25):
            task.optimizers[phase].zero_grad()
            fresh = SeededBatch(batch.indices, batch.seeds)
            total = sum(task.losses(phase, fresh, 0).values())
            total.backward()
            task.optimizers[phase].step()
            totals.append(float(total.detach()))
        assert totals[-1] < 0.9 * totals[0], (phase, totals)
        after = list(parts[other].parameters())
        assert all(torch.equal(one, two) for one, two in zip(before, after))


def test_a_3d_generator_is_refused(zoo, tiny_zip, monkeypatch):
    monkeypatch.setattr(StyleGAN2, "is_3d", EG3D.is_3d)
    with pytest.raises(UsageError, match="StyleGAN2"):
        make(zoo, tiny_zip)


def test_mm2latent_style_from_training_to_faces(zoo, tiny_zip, tmp_path):
    schedule = dict(iterations=4, batch=4, log_every=1, precision="bf16")  # as the shipped config
    keys = config(zoo, tiny_zip, autoencoder_fraction=0.5, task="mm2latent", lr=0.05)
    run(keys | dict(schedule=schedule, report=False, device="cpu"), tmp_path / "run")
    scores = json.loads((tmp_path / "run" / "record.json").read_text())["scores"]["mm2latent"]
    assert 0 <= scores["mask acc"]["value"] <= 1 and scores["code gain"]["n"] == 64

    spec = dict(type="MM2LatentStyle", run=str(tmp_path / "run"), towers=str(zoo / "towers"))
    system = systems.build(spec)
    assert (system.needs, system.domain, system.model) == (("text", "mask"), "2D", "GAN")
    assert sorted(system.networks()) == ["masks", "text"]  # neither may judge
    assert {"mm2latent", str(zoo / "towers")} <= system.weights().keys()
    labels = torch.randint(19, (2, 32, 32), generator=torch.Generator().manual_seed(1))
    condition = Condition(tuple(CAPTIONS), one_hot(labels))
    ws = system.solve(condition)
    assert torch.equal(ws, ws[:, :1].expand(-1, system.generator.num_ws, -1))
    assert (ws[0] - ws[1]).abs().max() > 0
    assert system.render(ws, None).image.shape == (2, 3, 32, 32)


@pytest.fixture(scope="module")
def dit_run(tmp_path_factory, tiny_zip):
    """A run of the task `dit` beside the folder of its VAE and text model."""
    folder = tmp_path_factory.mktemp("dit")
    parts = tiny.parts()
    for name in ("vae", "text_encoder", "tokenizer"):
        save_component(getattr(parts, name), folder, name, half=False)
    names = dict(data=str(tiny_zip), vae=str(folder), text=str(folder), cache=str(folder / "cache"))
    sizes = dict(hidden=32, depth=4, heads=2, held_out=4, steps=2)
    schedule = dict(iterations=2, batch=4, log_every=1)
    keys = names | sizes | dict(task="dit", schedule=schedule, report=False, device="cpu")
    run(keys, folder / "run")
    return folder


@pytest.mark.parametrize("kind", ["mask", "scribble"])
def test_mmface_dit_style_samples_for_masks_and_scribbles(dit_run, tiny_zip, kind):
    folders = dict(vae=str(dit_run), text=str(dit_run))
    spec = dict(type="MMFaceDiTStyle", run=str(dit_run / "run"), condition=kind, steps=2, **folders)
    system = systems.build(spec)
    assert (system.needs, system.domain, system.model) == (("text", kind), "2D", "diffusion")
    weights_read = system.weights()
    assert str(dit_run) in weights_read
    assert str(dit_run / "run/export/dit.safetensors") in weights_read
    condition = FaceZip(tiny_zip).sample([0, 1], condition="both", seed=3).condition
    seen = systems.restrict_condition(condition, system.needs)
    image = system.render(system.solve(seen), None).image
    assert image.shape == (2, 3, 32, 32) and image.isfinite().all()
    assert torch.equal(image, system.solve(seen).image)  # the seeds decide
    other = {kind: getattr(seen, kind).flip(0)}
    assert not torch.equal(image, system.solve(replace(seen, **other)).image)
