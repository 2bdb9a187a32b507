"""MMFaceEncoder on tiny random networks, beside sampling loops that the test writes itself."""

import copy

import gantoolkit.core.compat  # noqa: F401

import mini
import pytest
import tiny
import torch
from safetensors.torch import save_file

from gantoolkit import load_pipeline
from gantoolkit.core.errors import UsageError, WeightsError
from gantoolkit.core.labels import PALETTE
from gantoolkit.core.types import Condition
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.encoders.controlnet import ControlNetEncoder
from gantoolkit.encoders.folders import save_component
from gantoolkit.encoders.mmface import MMFaceEncoder, condition_picture
from gantoolkit.encoders.mmface_model import MMFaceModel, load_mmface_model
from gantoolkit.networks.dual_stream_dit import DualStreamDiT
from gantoolkit.networks.tokenizer import train_tokenizer
from gantoolkit.networks.towers import text_model
from gantoolkit.training.runner import run

SHIFT, SCALE = 0.5, 0.3611


def new_vae():
    """FLUX's kind of VAE, for 32 px: no quantizing convolutions, a scale and a shift."""
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

    vae = AutoencoderKL(
        latent_channels=6,
        block_out_channels=(8, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        layers_per_block=1,
        norm_num_groups=4,
        use_quant_conv=False,
        use_post_quant_conv=False,
        scaling_factor=SCALE,
        shift_factor=SHIFT,
        sample_size=32,
    )
    return tiny.spread(vae, 1, 0.02)


@pytest.fixture(scope="module")
def networks():
    torch.manual_seed(0)
    tokenizer = train_tokenizer(tiny.CAPTIONS * 3, vocab_size=560, max_length=24)
    text = tiny.spread(text_model(tokenizer, width=16, layers=3, heads=2), 0, 0.02)
    dit = tiny.spread(DualStreamDiT(6, 64, 4, 16, 2, 16), 0, 0.08)
    return dit, new_vae(), text, tokenizer


def encoder(networks, objective="flow", **options):
    return MMFaceEncoder(MMFaceModel(*networks, objective, 32), **{"steps": 3, **options})


def states(networks, texts):
    """What enters the text model's last layer, and its pooled state."""
    _, _, text, tokenizer = networks
    seen = []
    layers = getattr(text, "text_model", text).encoder.layers
    hook = layers[-1].register_forward_pre_hook(lambda m, args: seen.append(args[0]))
    batch = tokenizer(list(texts), padding="max_length", max_length=24, return_tensors="pt")
    pooled = text(input_ids=batch.input_ids).pooler_output
    hook.remove()
    return seen[0], pooled


def colored(mask):
    return torch.tensor(PALETTE)[mask.argmax(1)].permute(0, 3, 1, 2) / 127.5 - 1


def given(networks, condition, kind="mask"):
    """Text states, the condition's latent and its row, without and with the prompt."""
    _, vae, _, _ = networks
    shown = (
        colored(condition.mask) if kind == "mask" else 1 - 2 * condition.scribble.repeat(1, 3, 1, 1)
    )
    latent = vae.encode(shown).latent_dist.mean * SCALE
    modality = torch.full((len(condition),), 0 if kind == "mask" else 1)
    with_prompt = (*states(networks, condition.text), latent, modality)
    without = (*states(networks, [""] * len(condition)), latent, modality)
    return without, with_prompt


def noise(condition):
    streams = [torch.Generator().manual_seed(int(seed)) for seed in condition.seed]
    return torch.stack([torch.randn(6, 8, 8, generator=stream) for stream in streams])


@pytest.mark.parametrize("kind", ["mask", "scribble"])
@torch.no_grad()
def test_flow_equals_the_published_sampler(networks, kind):
    """Euler from t = 0 (noise) to 1 (image); the network is told t · 999 and gives data − noise."""
    dit, vae, _, _ = networks
    condition = tiny.condition(channels=0)
    without, with_prompt = given(networks, condition, kind)
    z = noise(condition)
    expected = []
    for step in range(5):
        expected.append(z)
        told = torch.full((3,), 999 * step / 5)
        empty, full = dit(z, told, *without), dit(z, told, *with_prompt)
        z = z + (empty + 2.5 * (full - empty)) / 5
    latents, image = encoder(networks, condition=kind, steps=5, guidance=2.5).trajectory(condition)
    scale = torch.stack(expected).abs().max()
    assert (latents - torch.stack(expected, 1)).abs().max() < 1e-5 * scale
    torch.testing.assert_close(image, vae.decode(z / SCALE).sample.clamp(-1, 1), atol=1e-4, rtol=0)


@torch.no_grad()
def test_diffusion_is_ddim_on_stable_diffusions_schedule(networks):
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler

    dit, vae, _, _ = networks
    condition = tiny.condition()
    without, with_prompt = given(networks, condition)
    scheduler = DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        timestep_spacing="trailing",
    )
    scheduler.set_timesteps(4)
    z = noise(condition)
    for t in scheduler.timesteps:
        told = torch.full((3,), float(t))
        empty, full = dit(z, told, *without), dit(z, told, *with_prompt)
        z = scheduler.step(empty + 2.5 * (full - empty), t, z).prev_sample
    own = encoder(networks, "diffusion", steps=4, guidance=2.5)
    assert own.timesteps == (999, 749, 499, 249)
    _, image = own.trajectory(condition)
    torch.testing.assert_close(image, vae.decode(z / SCALE).sample.clamp(-1, 1), atol=1e-4, rtol=0)


def test_pictures_of_conditions():
    """CelebAMask-HQ's colors; dark strokes on white paper."""
    mask = torch.nn.functional.one_hot(torch.tensor([[[0, 13], [1, 18]]]), 19)
    mask = mask.permute(0, 3, 1, 2).float()
    scribble = torch.tensor([[[[0.0, 1.0], [0.0, 0.5]]]])
    condition = Condition(("",), mask, scribble)
    torch.testing.assert_close(condition_picture(condition, "mask", 2), colored(mask))
    sketch = condition_picture(condition, "scribble", 2)
    assert torch.equal(sketch, torch.tensor([[[[1.0, -1.0], [1.0, 0.0]]]]).expand(1, 3, 2, 2))


@pytest.mark.parametrize("objective", ["flow", "diffusion"])
def test_features_of_the_trace_are_those_of_one_evaluation(networks, objective):
    own = encoder(networks, objective, groups=2)
    condition = tiny.condition()
    assert own.shapes.h == (64, 4, 4) and own.shapes.f == ((64, 4, 4),) * 2
    assert own.shapes.tokens == 24 and own.latent_shape == (6, 8, 8)
    last = None
    for last in own.trace(condition):
        again = own.features(last.latents, last.t, condition)
        torch.testing.assert_close(last.h, again.h, atol=1e-4, rtol=1e-4)
        for one, other in zip((*last.f, *last.attn_prob), (*again.f, *again.attn_prob)):
            torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)
        assert [tuple(p.shape) for p in last.attn_prob] == [(3, 24, 4, 4)] * 2
    assert last.x0.shape == (3, 3, 32, 32) and last.words.sum(1).tolist()[-1] == 0
    only_h = own.features(last.latents, last.t, condition, only_h=True)
    torch.testing.assert_close(only_h.h, last.h, atol=1e-4, rtol=1e-4)
    assert only_h.f == ()


def test_noised_truth_and_its_end(networks):
    own = encoder(networks)
    condition, image = tiny.condition(), torch.rand(3, 3, 32, 32) * 2 - 1
    first, *_ = own.trace(condition, source="gt_noised", image=image)
    torch.testing.assert_close(first.latents, noise(condition))  # σ = 1
    clean = networks[1].encode(image).latent_dist.mean * SCALE
    torch.testing.assert_close(own.encode(image), clean)


def test_switches_reach_the_recorder(networks):
    condition, z = tiny.condition(), torch.zeros(3, 6, 8, 8)
    raw = encoder(networks, heads="mean").features(z, 999, condition).attn_prob[0]
    text = encoder(networks, heads="mean", mass="text").features(z, 999, condition).attn_prob[0]
    assert (raw.sum(1) < 1).all()
    torch.testing.assert_close(text.sum(1), torch.ones(3, 4, 4))
    bf16 = encoder(copy.deepcopy(networks), precision="bf16").features(z, 999, condition)
    assert bf16.h.dtype == torch.float32


@pytest.mark.parametrize("wrong", [0, 3])
def test_groups_that_there_are_not(networks, wrong):
    with pytest.raises(UsageError, match="second half of this transformer has 2 blocks"):
        encoder(networks, groups=wrong)


def test_an_image_that_makes_no_whole_tokens_is_refused(networks):
    with pytest.raises(UsageError, match="resolution=36 should be a multiple of 8"):
        MMFaceEncoder(MMFaceModel(*networks, "flow", 36))


# -- files ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def published(networks, tmp_path_factory):
    """The folder as it is published, with two of the three transformers."""
    dit, vae, text, tokenizer = networks
    folder = tmp_path_factory.mktemp("published")
    for name in ("dit-unified-flux-vae-256-rfm", "dit-unified-flux-vae-32-rfm"):
        (folder / name / "checkpoint-1").mkdir(parents=True)
        path = folder / name / "checkpoint-1/dit_model_weights_ema.safetensors"
        save_file(dit.state_dict(), path)
    save_component(vae, folder, "VAE", half=False)
    save_component(text, folder / "stable-diffusion-2-1-base", "text_encoder", half=False)
    save_component(tokenizer, folder / "stable-diffusion-2-1-base", "tokenizer")
    return folder


def test_the_published_folder_is_read_as_it_is(networks, published):
    own = MMFaceEncoder(published, resolution=32, steps=2)
    condition = tiny.condition()
    expected = encoder(networks, steps=2).trajectory(condition)
    for one, other in zip(own.trajectory(condition), expected):
        torch.testing.assert_close(one, other)
    with pytest.raises(WeightsError, match="2 files .* for objective=flow and resolution=None"):
        MMFaceEncoder(published, objective="flow")
    with pytest.raises(WeightsError, match="0 files .* dit-unified-flux-vae-256-rfm"):
        MMFaceEncoder(published, objective="diffusion")


def test_folders_of_other_encoders_are_told_apart(published):
    sentence = "Stable Diffusion 1 or 2-base, which ControlNetEncoder reads"
    with pytest.raises(WeightsError, match=sentence):
        MMFaceEncoder("diffusion")
    with pytest.raises(WeightsError, match="is MMFace-DiT, which MMFaceEncoder reads"):
        ControlNetEncoder(published)
    with pytest.raises(WeightsError, match="holds 0 files"):
        MMFaceEncoder(published / "VAE")


def test_a_file_with_folders_of_its_own(networks, published, tmp_path):
    path = tmp_path / "mine.safetensors"
    save_file(networks[0].state_dict(), path)
    text = published / "stable-diffusion-2-1-base"
    with pytest.raises(WeightsError, match="only the transformer: give `vae`"):
        load_mmface_model(path)
    with pytest.raises(WeightsError, match="give objective='flow' or 'diffusion', and resolution"):
        load_mmface_model(path, published / "VAE", text, objective="flow")
    model = load_mmface_model(path, published / "VAE", text, "diffusion", 32)
    assert (model.objective, model.resolution) == ("diffusion", 32)
    with pytest.raises(WeightsError, match="latents of 6 channels and this VAE makes 8"):
        load_mmface_model(path, "diffusion", text, "flow", 32)
    with pytest.raises(WeightsError, match="text states of 16 numbers .* makes 96"):
        load_mmface_model(path, published / "VAE", "diffusion", "flow", 32)


def test_a_bridge_trains_from_it_and_draws(published, tmp_path, tiny_zip, monkeypatch):
    monkeypatch.delenv("GANTOOLKIT_CACHE", raising=False)
    spec = dict(type="MMFaceEncoder", weights=str(published), resolution=32, steps=2, guidance=2.0)
    bridge = dict(type="AbSM", width=8, mapping=dict(width=8))
    keys = dict(encoder=spec, bridge=bridge, schedule=dict(iterations=4))
    run(mini.config(tmp_path, tiny_zip, **keys), tmp_path / "run")
    assert len(mini.losses(tmp_path / "run")) == 4
    pipeline = load_pipeline(tmp_path / "run")
    condition = FaceZip(tiny_zip).sample([0, 1], seed=3).condition
    image = pipeline(condition).tensor
    assert image.shape == (2, 3, 32, 32) and image.isfinite().all()
    blank = FaceZip(tiny_zip).sample([2, 3], seed=3).condition
    assert not torch.allclose(image, pipeline(blank).tensor)
