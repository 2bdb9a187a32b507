"""Trajectories with a negative prompt, of ε- and v-prediction, against diffusers' own pipeline."""

from dataclasses import replace

import pytest
import torch
from tiny import CAPTIONS, condition, parts, write

from gantoolkit.core.errors import UsageError, WeightsError
from gantoolkit.encoders import diffusion_model, folders
from gantoolkit.encoders.controlnet import ControlNetEncoder
from gantoolkit.encoders.diffusion import DiffusionEncoder


def scheduler_of(prediction_type, **more):
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler

    config = dict(parts().scheduler.config) | {"prediction_type": prediction_type, **more}
    config.pop("_use_default_values", None)  # it would win over what is set here
    return DDIMScheduler.from_config(config)


def latents_of_diffusers(model, negative, prompts, noise):
    from diffusers import StableDiffusionPipeline

    pipeline = StableDiffusionPipeline(
        vae=model.vae,
        text_encoder=model.text_encoder,
        tokenizer=model.tokenizer,
        unet=model.unet,
        scheduler=model.scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline(
        prompts,
        negative_prompt=negative,
        num_inference_steps=4,
        guidance_scale=3.0,
        height=32,
        width=32,
        latents=noise,
        output_type="latent",
    ).images


@pytest.mark.parametrize("prediction_type", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("negative", ["", "blond hair and a hat"])
def test_a_trajectory_ends_where_diffusers_ends(prediction_type, negative):
    model = replace(parts(), scheduler=scheduler_of(prediction_type))
    encoder = DiffusionEncoder(model, steps=4, negative_prompt=negative)
    wanted = replace(condition(2), text=tuple(CAPTIONS[:2]))
    expected = latents_of_diffusers(
        model,
        [negative] * 2,
        list(wanted.text),
        encoder.initial_latents(wanted),
    )
    _, image = encoder.trajectory(wanted)
    torch.testing.assert_close(image, encoder.decode(expected), atol=1e-4, rtol=1e-4)
    *_, last = encoder.trace(wanted)
    torch.testing.assert_close(last.x0, image, atol=1e-4, rtol=1e-4)


def test_the_negative_prompt_matters_only_with_guidance():
    model, wanted = parts(), condition(2)
    ends = {}
    for guidance in (1.0, 3.0):
        for negative in ("", CAPTIONS[0]):
            encoder = ControlNetEncoder(model, steps=2, guidance=guidance, negative_prompt=negative)
            ends[guidance, negative] = encoder.trajectory(wanted)[1]
    assert torch.equal(ends[1.0, ""], ends[1.0, CAPTIONS[0]])
    assert not torch.allclose(ends[3.0, ""], ends[3.0, CAPTIONS[0]], atol=1e-4)
    with pytest.raises(UsageError, match="negative_prompt holds a NUL"):
        ControlNetEncoder(model, steps=2, negative_prompt="a\0b")


def test_folders_of_v_prediction_are_read_and_others_refused(tmp_path):
    for name, scheduler in (
        ("v", scheduler_of("v_prediction")),
        ("sample", scheduler_of("sample")),
        ("snr", scheduler_of("v_prediction", rescale_betas_zero_snr=True)),
    ):
        write(tmp_path / name, replace(parts(), scheduler=scheduler))
    read = diffusion_model.load_diffusion_model(str(tmp_path / "v/diffusion"), None)
    assert read.scheduler.config.prediction_type == "v_prediction"
    for name, said in (("sample", "predicts 'sample'"), ("snr", "rescale_betas_zero_snr")):
        with pytest.raises(WeightsError, match=said):
            diffusion_model.load_diffusion_model(str(tmp_path / name / "diffusion"), None)
    with pytest.raises(WeightsError, match="predicts 'v_prediction'"):
        folders.load_scheduler(str(tmp_path / "v/diffusion"))
