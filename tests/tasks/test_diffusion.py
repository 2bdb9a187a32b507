"""The diffusion recipes at toy size: VAE → U-Net → ControlNet, and the encoder that reads them."""

import dataclasses
import json
import shutil

import pytest
import torch
from conftest import write_tiny_zip
from safetensors.torch import load_file

from gantoolkit.core.errors import UsageError, WeightsError
from gantoolkit.core.images import to_float
from gantoolkit.core.progress import Progress
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.encoders.controlnet import ControlNetEncoder
from gantoolkit.encoders.folders import save_component
from gantoolkit.networks.tokenizer import train_tokenizer
from gantoolkit.networks.towers import text_model
from gantoolkit.tasks.diffusion.config import ControlNetConfig, DiffusionConfig, VAEConfig
from gantoolkit.tasks.diffusion.controlnet import ControlNet
from gantoolkit.tasks.diffusion.diffusion import Diffusion
from gantoolkit.tasks.diffusion.latent_cache import encode_mean
from gantoolkit.tasks.diffusion.vae import VAE, multiscale_l1
from gantoolkit.training.batch import SeededBatch
from gantoolkit.training.ema import frozen_copy, update_ema
from gantoolkit.training.runner import run

SCHEDULE = dict(iterations=2, batch=4, log_every=1, save_every=2)


@pytest.fixture(scope="module")
def chain(tmp_path_factory, tiny_zip):
    """Folder with the exports vae/export, towers, diffusion/export, mask/export."""
    folder = tmp_path_factory.mktemp("chain")
    tokenizer = train_tokenizer(["a face with black hair"], vocab_size=540, max_length=24)
    torch.manual_seed(0)
    save_component(text_model(tokenizer, 16, 1, 2), folder / "towers", "text_encoder")
    save_component(tokenizer, folder / "towers", "tokenizer")
    common = dict(data=str(tiny_zip), schedule=SCHEDULE, report=False, device="cpu", held_out=4)
    run(dict(common, task="vae", widths=(8, 8, 8), groups=4), folder / "vae")
    run(
        dict(
            common,
            task="diffusion",
            vae=str(folder / "vae/export"),
            text=str(folder / "towers"),
            lr_text=1e-4,
            widths=(8, 16, 16),
            groups=4,
            steps=2,
            cache=str(folder / "cache"),
        ),
        folder / "diffusion",
    )
    run(
        dict(
            common,
            task="controlnet",
            diffusion=str(folder / "diffusion/export"),
            condition="mask",
            steps=2,
            widths=(4, 8, 8),
            cache=str(folder / "cache"),
        ),
        folder / "mask",
    )
    return folder


def test_every_run_leaves_its_record_and_pictures(chain):
    for name, score in (("vae", "PSNR"), ("diffusion", "prompt gain"), ("mask", "condition gain")):
        record = json.loads((chain / name / "record.json").read_text())
        assert score in record["scores"]["run"]
        assert list((chain / name / "pictures").glob("*.png"))


def test_the_encoder_reads_what_the_recipes_write(chain, tiny_zip):
    folders = str(chain / "diffusion/export"), str(chain / "mask/export/controlnet")
    encoder = ControlNetEncoder(*folders, steps=2)
    assert (
        encoder.condition == "mask" and encoder.resolution == 32 and encoder.timesteps == (999, 499)
    )
    wanted = FaceZip(tiny_zip).sample([0, 1], seed=3).condition
    last = list(encoder.trace(wanted))[-1]
    assert last.x0.shape == (2, 3, 32, 32) and last.words.any()


def test_latents_have_unit_variance_and_are_encoded_once(chain):
    from gantoolkit import weights

    files = list((chain / "cache").glob("latents-*.safetensors"))
    assert len(files) == 1
    latents = weights.load(files[0])[0]["latents"]
    assert latents.shape == (24, 4, 8, 8) and 0.8 < latents.std() < 1.25


def diffusion(chain, tiny_zip, **options):
    config = DiffusionConfig(
        data=str(tiny_zip),
        vae=str(chain / "vae/export"),
        text=str(chain / "towers"),
        held_out=4,
        groups=4,
        widths=(8, 16, 16),
        cache=str(chain / "cache"),
        **options,
    )
    task = Diffusion(config)
    task.prepare(chain, Progress(quiet=True))
    return task


def test_noisy_latents_follow_the_batch(chain, tiny_zip):
    task = diffusion(chain, tiny_zip, drop_prompt_prob=0.0)
    a, b = [task.noisy_batch(SeededBatch.of_iteration(0, 5, 0, 6, task.size())) for _ in range(2)]
    assert torch.equal(a.latents, b.latents) and a.prompts == b.prompts and all(a.prompts)
    alpha = task.noise_schedule.scheduler.alphas_cumprod[a.t].view(-1, 1, 1, 1)
    clean = task.latents[a.rows].float()
    torch.testing.assert_close(a.latents, alpha.sqrt() * clean + (1 - alpha).sqrt() * a.epsilon)
    for row, prompt in zip(a.rows.tolist(), a.prompts):
        assert prompt in task.faces.captions[row]


def test_empty_prompts_and_min_snr(chain, tiny_zip):
    task = diffusion(chain, tiny_zip, drop_prompt_prob=1.0, min_snr=5.0)
    batch = task.noisy_batch(SeededBatch.of_iteration(0, 0, 0, 8, task.size()))
    assert not any(batch.prompts)
    alpha = task.noise_schedule.scheduler.alphas_cumprod[batch.t].double()
    snr = alpha / (1 - alpha)
    loss = task.sample_losses(torch.zeros_like(batch.epsilon), batch)
    expected = batch.epsilon.square().mean((1, 2, 3)) * (snr.clamp(max=5) / snr).float()
    torch.testing.assert_close(loss, expected)


def test_truncated_snr_weighs_the_error_of_clean_latents(chain, tiny_zip):
    task = diffusion(chain, tiny_zip, min_snr=None, truncated_snr=1.0)
    batch = task.noisy_batch(SeededBatch.of_iteration(0, 0, 0, 8, task.size()))
    alpha = task.noise_schedule.scheduler.alphas_cumprod[batch.t].double().view(-1, 1, 1, 1)
    predicted = torch.zeros_like(batch.epsilon)
    clean = (batch.latents - (1 - alpha).sqrt() * predicted) / alpha.sqrt()
    error_of_clean = (clean - batch.clean).square().mean((1, 2, 3))
    error_of_noise = batch.epsilon.square().mean((1, 2, 3))
    expected = torch.maximum(error_of_clean, error_of_noise.double()).float()
    torch.testing.assert_close(task.sample_losses(predicted, batch), expected)


def test_text_encoder_is_frozen_unless_it_has_a_rate(chain, tiny_zip):
    for rate in (None, 1e-4):
        task = diffusion(chain, tiny_zip, lr_text=rate)
        for module in task.unet.modules():  # zero layers hide the text at the start
            if hasattr(module, "weight") and module.weight is not None and not module.weight.any():
                torch.nn.init.normal_(module.weight, std=0.1)
        batch = SeededBatch.of_iteration(0, 0, 0, 4, task.size())
        sum(task.losses("unet", batch, 0).values()).backward()
        text = list(task.text_encoder.model.parameters())
        assert any(p.grad is not None for p in text) == (rate is not None)
        assert sorted(task.ema_modules) == (["text", "unet"] if rate else ["unet"])


def test_it_goes_on_from_another_u_net_and_keeps_ordinary_faces(chain, tiny_zip):
    from gantoolkit.encoders.folders import load_unet

    task = diffusion(
        chain, tiny_zip, init_from=str(chain / "diffusion/export"), extra_data=str(tiny_zip)
    )
    before = load_unet(chain / "diffusion/export").state_dict()
    assert all(torch.equal(v, before[k]) for k, v in task.unet.state_dict().items())
    assert (
        all(p.requires_grad for p in task.unet.parameters())
        and str(chain / "diffusion/export") in task.weights()
    )
    more = FaceZip(tiny_zip)
    assert task.size() == 20 + 24 and task.captions_of(19) == task.faces.captions[19]
    assert task.captions_of(20) == more.captions[0] and task.captions_of(43) == more.captions[23]
    with torch.no_grad():
        latents = encode_mean(task.vae, to_float(more.images[[0, 23]]))
    # kept as halves
    torch.testing.assert_close(task.latents[[20, 43]].float(), latents, atol=2e-2, rtol=1e-2)
    assert task.split.held_out_rows()[1].tolist() == [20, 21, 22, 23]


def test_a_u_net_goes_on_at_another_size_and_a_controlnet_does_not(chain, tmp_path):
    write_tiny_zip(tmp_path / "large.zip", count=8, size=64)
    keys = dict(data=str(tmp_path / "large.zip"), held_out=2)
    going_on = dict(
        vae=str(chain / "vae/export"),
        text=str(chain / "towers"),
        init_from=str(chain / "diffusion/export"),
    )
    task = Diffusion(DiffusionConfig(**keys, **going_on))
    assert task.pictures()["samples"].shape[-2] == 3 * 64
    assert task.ema_unet.config.sample_size == 64 // 4
    with pytest.raises(UsageError, match="large.zip have 64 px, but the diffusion model .* 32 px"):
        ControlNet(
            ControlNetConfig(**keys, diffusion=str(chain / "diffusion/export"), condition="mask")
        )


def test_a_controlnet_starts_silent_and_only_it_learns(chain, tiny_zip):
    config = ControlNetConfig(
        data=str(tiny_zip),
        diffusion=str(chain / "diffusion/export"),
        condition="scribble",
        held_out=4,
        cache=str(chain / "cache"),
    )
    task = ControlNet(config)
    task.prepare(chain, Progress(quiet=True))
    batch = task.noisy_batch(SeededBatch.of_iteration(0, 0, 0, 4, task.size()))
    picture = task.control_images(task.faces, batch.rows)
    with torch.no_grad():
        plain = task.unet(
            batch.latents, batch.t, task.text_encoder(batch.prompts).embedding, return_dict=False
        )[0]
        torch.testing.assert_close(task.predict_noise(task.controlnet, batch, picture), plain)
    batch = SeededBatch.of_iteration(0, 0, 0, 4, task.size())
    sum(task.losses("controlnet", batch, 0).values()).backward()
    assert any(p.grad is not None and p.grad.any() for p in task.controlnet.parameters())
    assert all(p.grad is None for p in task.unet.parameters())
    with pytest.raises(UsageError, match="condition='photo'"):
        ControlNet(dataclasses.replace(config, condition="photo"))


def test_vae_refuses_a_resolution_it_cannot_halve(tiny_zip):
    with pytest.raises(UsageError, match="32 px cannot be reduced by 64"):
        VAE(VAEConfig(data=str(tiny_zip), widths=(8,) * 7))


def test_what_is_scored_is_what_is_exported(chain, tiny_zip, tmp_path):
    """The averaged text encoder beside the averaged U-Net."""
    task = diffusion(chain, tiny_zip, lr_text=1e-4)
    batch = task.held_out_batch(4)
    before = task.predict_noise(batch, batch.prompts)
    sample = task.sample(batch.prompts, torch.arange(4))
    with torch.no_grad():
        for parameter in task.text_encoder.model.parameters():
            parameter.normal_()
    assert torch.equal(task.predict_noise(batch, batch.prompts), before)
    assert torch.equal(task.sample(batch.prompts, torch.arange(4)), sample)


def test_a_u_net_that_predicts_something_else_is_refused(chain, tmp_path):
    shutil.copytree(chain / "diffusion/export", tmp_path / "v")
    file = tmp_path / "v/scheduler/scheduler_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | dict(prediction_type="sample")))
    with pytest.raises(
        WeightsError, match="U-Net that predicts 'sample'; only those that predict epsilon or v_"
    ):
        ControlNetEncoder(str(tmp_path / "v"), str(chain / "mask/export/controlnet"))


def test_a_decoder_that_goes_on_learning_keeps_the_latents(chain, tiny_zip, tmp_path):
    before, folder = chain / "vae/export", tmp_path / "vae"
    run(
        dict(
            task="vae",
            data=str(tiny_zip),
            held_out=4,
            init_from=str(before),
            train_only=["decoder", "post_quant_conv"],
            mse=10.0,
            schedule=SCHEDULE,
            report=False,
            device="cpu",
        ),
        folder,
    )
    name = "vae/diffusion_pytorch_model.safetensors"
    old, new = load_file(before / name), load_file(folder / "export" / name)
    assert {key.split(".")[0] for key in old if not torch.equal(old[key], new[key])} == {
        "decoder",
        "post_quant_conv",
    }
    configs = [
        json.loads((path / "vae/config.json").read_text()) for path in (before, folder / "export")
    ]
    assert configs[0] == configs[1]
    assert configs[1]["scaling_factor"] != 0.18215  # diffusers' value where nobody measured it
    assert list(json.loads((folder / "record.json").read_text())["weights"]) == [str(before)]


def test_vae_refuses_parts_it_has_not(chain, tiny_zip):
    keys = dict(data=str(tiny_zip), init_from=str(chain / "vae/export"))
    with pytest.raises(
        UsageError, match="AutoencoderKL has no part 'decode'; its parts are encoder, decoder,"
    ):
        VAE(VAEConfig(**keys, train_only=["decode"]))


def test_multiscale_is_the_mean_over_a_pyramid():
    image = torch.zeros(1, 1, 4, 4)
    image[..., ::2] = 1.0  # stripes vanish at half the resolution
    expected = (0.5 + 0.0 + 0.0) / 3
    assert multiscale_l1(image, torch.full_like(image, 0.5)).item() == pytest.approx(expected)


def test_average_is_a_warmed_up_moving_mean():
    module = torch.nn.Linear(1, 1, bias=False)
    module.weight.data.fill_(0.0)
    average, expected = frozen_copy(module), 0.0
    for i in range(20):
        module.weight.data.fill_(float(i))
        update_ema(average, module, i, 0.5)
        expected += (1 - min(0.5, (1 + i) / (10 + i))) * (i - expected)
    assert average.weight.item() == pytest.approx(expected, rel=1e-5)
    assert not average.weight.requires_grad
