"""The encoder: shapes, traces, independence of the batch, both sources of z_t, folders on disk."""

import pytest
import torch
from tiny import condition, parts, write

from gantoolkit.core.errors import UsageError, WeightsError
from gantoolkit.core.types import Condition
from gantoolkit.encoders import folders
from gantoolkit.encoders.controlnet import ControlNetEncoder


@pytest.fixture(scope="module")
def model():
    return parts()


@pytest.fixture(scope="module")
def encoder(model):
    return ControlNetEncoder(model, steps=4)


def close(a, b, tolerance=1e-4):
    assert len(a) == len(b)
    for name in ("h", "f", "attn_out", "attn_prob", "latents"):
        x, y = getattr(a, name), getattr(b, name)
        for p, q in zip(x, y) if isinstance(x, tuple) else [(x, y)]:
            torch.testing.assert_close(
                p, q, atol=tolerance * max(1.0, float(q.abs().max())), rtol=tolerance
            )
    assert torch.equal(a.t, b.t) and torch.equal(a.words, b.words)


@pytest.mark.parametrize("tap", ["attention", "block"])
def test_shapes_are_those_of_real_features(model, tap):
    encoder = ControlNetEncoder(model, steps=4, tap=tap)
    found, shapes = encoder.features(torch.randn(2, 4, 8, 8), 500, condition(2)), encoder.shapes
    assert tuple(found.h.shape[1:]) == shapes.h == (32, 2, 2)
    assert tuple(tuple(f.shape[1:]) for f in found.f) == shapes.f
    assert found.attn_prob[0].shape[1] == shapes.tokens == found.words.shape[1]
    assert shapes.steps == encoder.timesteps == (999, 749, 499, 249)
    assert encoder.resolution == 32 and encoder.latent_shape == (4, 8, 8)


def test_trace_follows_the_trajectory(encoder):
    wanted = condition()
    steps, (latents, x0) = list(encoder.trace(wanted)), encoder.trajectory(wanted)
    assert latents.shape == (3, 4, 4, 8, 8) and [int(s.t[0]) for s in steps] == list(
        encoder.timesteps
    )
    for n, step in enumerate(steps):
        torch.testing.assert_close(step.latents, latents[:, n], atol=1e-4, rtol=1e-4)
        assert (step.x0 is None) == (n < 3)
    torch.testing.assert_close(steps[-1].x0, x0, atol=1e-4, rtol=1e-4)
    assert x0.shape == (3, 3, 32, 32) and x0.abs().max() <= 1
    assert list(encoder.trace(wanted, x0=False))[-1].x0 is None


def test_features_of_a_step_equal_those_of_the_trace(encoder):
    """Training (an evaluation of a cached z_t) sees what inference (conditional half) sees."""
    wanted = condition()
    for step in encoder.trace(wanted):
        close(encoder.features(step.latents, step.t, wanted), step)


def test_h_alone_is_that_of_the_whole_pass(encoder):
    """The forward pass is left before the up blocks, and the U-Net is as before afterwards."""
    wanted, latents = condition(3), torch.randn(3, 4, 8, 8)
    seen = []
    norm = encoder.unet.up_blocks[0].resnets[0].norm1
    hook = norm.register_forward_hook(lambda *_: seen.append(1))
    alone = encoder.features(latents, 500, wanted, only_h=True)
    assert not seen and alone.f == alone.attn_out == alone.attn_prob == ()
    whole = encoder.features(latents, 500, wanted)
    hook.remove()
    assert seen and torch.equal(alone.h, whole.h) and torch.equal(alone.words, whole.words)


def test_what_stays_the_same_is_computed_once_per_trajectory(encoder):
    """Keys and values of the text, embeddings of picture and times: not at each of the 4 steps."""
    unet, controlnet = encoder.unet, encoder.controlnets[0].network
    layer = unet.up_blocks[-1].attentions[0].transformer_blocks[0].attn2
    once = [layer.to_k, layer.to_v, unet.time_embedding, unet.up_blocks[0].resnets[0].time_emb_proj]
    once += [controlnet.controlnet_cond_embedding, controlnet.time_embedding]
    every = [layer.to_q, controlnet.down_blocks[0].resnets[0].norm1]
    calls = dict.fromkeys((*once, *every), 0)

    def count(module, args, output):
        calls[module] += 1

    hooks = [module.register_forward_hook(count) for module in calls]
    list(encoder.trace(condition(2)))
    [hook.remove() for hook in hooks]
    assert [calls[module] for module in once] == [1] * 6
    assert [calls[module] for module in every] == [4, 4]


def test_independent_of_batch_and_order(encoder):
    wanted = condition(3, seeds=(11, 22, 33))
    whole, (latents, x0) = list(encoder.trace(wanted)), encoder.trajectory(wanted)
    for row in (2, 0):
        one = wanted[row]
        for a, b in zip(encoder.trace(one), whole):
            close(a, b[row])
        torch.testing.assert_close(
            encoder.trajectory(one)[0], latents[row : row + 1], atol=1e-4, rtol=1e-4
        )
    assert not torch.allclose(
        x0[0], encoder.trajectory(condition(3, seeds=(12, 22, 33)))[1][0], atol=1e-3
    )


def test_condition_prompt_and_guidance_matter(model, encoder):
    wanted = condition(2)
    x = encoder.trajectory(wanted)[0][:, -1]
    other_text = Condition(("blond hair", ""), wanted.mask, seed=wanted.seed)
    other_mask = Condition(wanted.text, wanted.mask.roll(1, 1), seed=wanted.seed)
    assert not torch.allclose(encoder.trajectory(other_text)[0][0, -1], x[0], atol=1e-4)
    assert torch.allclose(encoder.trajectory(other_text)[0][1, -1], x[1], atol=1e-4)  # both empty
    assert not torch.allclose(encoder.trajectory(other_mask)[0][:, -1], x, atol=1e-4)
    plain = ControlNetEncoder(model, steps=4, guidance=1.0)
    assert not torch.allclose(plain.trajectory(wanted)[0][0, -1], x[0], atol=1e-4)


def test_h_depends_on_the_condition_at_the_same_latents(encoder):
    wanted, z = condition(2), torch.randn(2, 4, 8, 8)
    other = Condition(wanted.text, wanted.mask.roll(1, 1), seed=wanted.seed)
    a, b = encoder.features(z, 500, wanted), encoder.features(z, 500, other)
    assert not torch.allclose(a.h, b.h, atol=1e-3)


def test_words_lie_between_start_and_first_end(encoder):
    words = encoder.features(torch.randn(3, 4, 8, 8), 1, condition()).words
    tokenizer = encoder.text_encoder.tokenizer
    count = len(tokenizer(condition().text[0]).input_ids) - 2
    assert words[0].tolist() == [False] + [True] * count + [False] * (23 - count)
    assert not words[2].any()  # the empty prompt


def test_gt_noised_starts_from_the_image(encoder):
    wanted, image = condition(2), torch.rand(2, 3, 32, 32) * 2 - 1
    steps = list(encoder.trace(wanted, source="gt_noised", image=image))
    clean, noise = encoder.encode(image), encoder.initial_latents(wanted)
    for step in steps:
        alpha = encoder.schedule.scheduler.alphas_cumprod[int(step.t[0])]
        torch.testing.assert_close(step.latents, alpha.sqrt() * clean + (1 - alpha).sqrt() * noise)
        torch.testing.assert_close(step.x0, encoder.denoise(step.latents, int(step.t[0]), wanted))
    with pytest.raises(UsageError, match="needs `image`"):
        list(encoder.trace(wanted, source="gt_noised"))


def test_another_number_of_steps_leaves_the_grid_alone(encoder):
    grid = encoder.timesteps
    assert encoder.trajectory(condition(1), steps=7)[0].shape[1] == 7
    assert encoder.timesteps == grid and len(list(encoder.trace(condition(1)))) == 4


def test_nothing_takes_a_gradient_and_it_stays_in_eval(encoder):
    encoder.train()
    assert not encoder.training and not any(p.requires_grad for p in encoder.parameters())
    assert not encoder.features(torch.randn(1, 4, 8, 8), 1, condition(1)).h.requires_grad


def test_bf16_is_close_and_gives_fp32(encoder):
    low = ControlNetEncoder(parts(), steps=4, precision="bf16")
    z, wanted = torch.randn(2, 4, 8, 8), condition(2)
    a, b = encoder.features(z, 500, wanted), low.features(z, 500, wanted)
    assert b.h.dtype == b.f[0].dtype == b.attn_out[0].dtype == b.attn_prob[0].dtype == torch.float32
    assert (a.h - b.h).norm() / a.h.norm() < 0.05


@pytest.mark.parametrize("channels,kind", [(19, "mask"), (1, "scribble"), (3, "mask")])
def test_folders_on_disk_give_the_same(tmp_path, channels, kind):
    made = parts(channels)
    folder = write(tmp_path, made)
    loaded = ControlNetEncoder(str(folder / "diffusion"), str(folder / "controlnet"), steps=4)
    assert loaded.condition == kind
    wanted = condition(2, channels)
    close(next(loaded.trace(wanted)), next(ControlNetEncoder(made, steps=4).trace(wanted)))


def test_missing_folders_are_a_sentence(tmp_path):
    with pytest.raises(WeightsError, match="no part 'text_encoder'|no part 'unet'"):
        ControlNetEncoder(str(tmp_path), str(tmp_path))
    with pytest.raises(WeightsError, match="No weights named 'nowhere'"):
        ControlNetEncoder("nowhere", "nowhere")


def test_single_files_are_named_with_what_makes_folders_of_them(tmp_path):
    file = tmp_path / "v1-5.safetensors"
    file.write_bytes(b"")
    for load in (ControlNetEncoder, folders.load_controlnet):
        with pytest.raises(
            WeightsError,
            match=rf"single file; make a folder of it with `gantoolkit weights convert {file}",
        ):
            load(file)


def test_wrong_arguments_are_sentences(model, encoder):
    with pytest.raises(UsageError, match="tap='end' is unknown; choose 'attention' or 'block'"):
        ControlNetEncoder(model, tap="end")
    with pytest.raises(UsageError, match="not a scribble"):
        ControlNetEncoder(model, condition="scribble")
    with pytest.raises(UsageError, match="conditioned on a mask, but the condition has none"):
        encoder.trajectory(condition(1, channels=1))
