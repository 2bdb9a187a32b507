"""The joint recorder on MMFace-DiT, SD3 and FLUX, beside a full softmax by plain products."""

from contextlib import suppress

import gantoolkit.core.compat  # noqa: F401

import pytest
import torch
from tiny import spread

from gantoolkit.encoders.joint_recorder import AttentionWatch, JointRecorder, even_groups
from gantoolkit.encoders.recorder import StopForward
from gantoolkit.networks.dual_stream_dit import DualStreamDiT

TOKENS = 7
SIDE = 4
IMAGE = SIDE * SIDE


def numbers(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def split_heads(x, heads):
    return x.reshape(*x.shape[:2], heads, -1).transpose(1, 2)


def quarter_turned(x):
    """(a, b) → (−b, a) of neighboring numbers: what a rotation adds with the sine."""
    first, second = x[..., 0::2], x[..., 1::2]
    return torch.stack([-second, first], -1).flatten(-2)


class MMFace:
    text_first = False
    groups = ((1,), (2, 3))

    def __init__(self):
        torch.manual_seed(0)
        self.network = spread(DualStreamDiT(4, 32, 4, 2, 2, 24), scale=0.1)
        self.blocks = list(self.network.blocks)
        self.end = self.network.final_layer

    def __call__(self):
        z, c, text = numbers(1, 2, 4, 8, 8), numbers(2, 2, 4, 8, 8), numbers(3, 2, TOKENS, 24)
        t, modality = torch.tensor([900.0, 10.0]), torch.tensor([0, 1])
        return self.network(z, t, text, text[:, 0], c, modality)

    def query_and_key(self, attn, args, kwargs):
        image, text, _ = args
        width = attn.head_width
        places = torch.cartesian_prod(torch.arange(SIDE), torch.arange(SIDE))
        places = torch.cat([places, torch.zeros(TOKENS, 2)])
        rates = 10_000.0 ** -(torch.arange(0, width // 2, 2) / (width // 2))
        angles = torch.cat([places[:, :1] * rates, places[:, 1:] * rates], 1)
        angles = angles.repeat_interleave(2, 1)
        found = []
        for name in ("to_q", "to_k"):
            own, of_text = getattr(attn, name), getattr(attn, f"{name}_t")
            x = split_heads(torch.cat([own(image), of_text(text)], 1), attn.heads)
            found.append(x * angles.cos() + quarter_turned(x) * angles.sin())
        return found


class SD3:
    text_first = False
    groups = ((1,), (2, 3))

    def __init__(self):
        from diffusers import SD3Transformer2DModel

        torch.manual_seed(0)
        self.network = SD3Transformer2DModel(
            sample_size=16,
            patch_size=2,
            in_channels=4,
            num_layers=4,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=24,
            caption_projection_dim=32,
            pooled_projection_dim=12,
            out_channels=4,
            pos_embed_max_size=24,
            dual_attention_layers=(0, 1),
            qk_norm="rms_norm",
        ).eval()
        self.blocks = list(self.network.transformer_blocks)
        self.end = self.network.norm_out
        self.residuals = [numbers(10 + i, 2, IMAGE, 32) for i in range(4)]

    def __call__(self):
        return self.network(
            numbers(1, 2, 4, 8, 8),
            numbers(2, 2, TOKENS, 24),
            numbers(3, 2, 12),
            torch.tensor([900.0, 10.0]),
            block_controlnet_hidden_states=self.residuals,
            return_dict=False,
        )[0]

    def query_and_key(self, attn, args, kwargs):
        image, text = kwargs["hidden_states"], kwargs["encoder_hidden_states"]
        found = []
        for name in ("q", "k"):
            own = split_heads(getattr(attn, f"to_{name}")(image), attn.heads)
            own = getattr(attn, f"norm_{name}")(own)
            other = split_heads(getattr(attn, f"add_{name}_proj")(text), attn.heads)
            other = getattr(attn, f"norm_added_{name}")(other)
            found.append(torch.cat([own, other], 2))
        return found


class Flux:
    text_first = True
    groups = ((1,), (2, 3))  # a double block, then two single ones

    def __init__(self):
        from diffusers import FluxTransformer2DModel

        torch.manual_seed(0)
        self.network = FluxTransformer2DModel(
            patch_size=1,
            in_channels=16,
            num_layers=2,
            num_single_layers=2,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=24,
            pooled_projection_dim=12,
            guidance_embeds=True,
            axes_dims_rope=(4, 6, 6),
        ).eval()
        doubles, singles = self.network.transformer_blocks, self.network.single_transformer_blocks
        self.blocks = [*doubles, *singles]
        self.end = self.network.norm_out

    def __call__(self):
        rows, columns = torch.arange(SIDE), torch.arange(SIDE)
        ids = torch.cartesian_prod(torch.zeros(1), rows.float(), columns.float())
        return self.network(
            numbers(1, 2, IMAGE, 16),
            numbers(2, 2, TOKENS, 24),
            numbers(3, 2, 12),
            torch.tensor([0.9, 0.1]),
            ids,
            torch.zeros(TOKENS, 3),
            torch.tensor([3.5, 3.5]),
            return_dict=False,
        )[0]

    def query_and_key(self, attn, args, kwargs):
        joint, text = kwargs["hidden_states"], kwargs.get("encoder_hidden_states")
        cos, sin = kwargs["image_rotary_emb"]
        found = []
        for name in ("q", "k"):
            x = split_heads(getattr(attn, f"to_{name}")(joint), attn.heads)
            x = getattr(attn, f"norm_{name}")(x)
            if text is not None:
                other = split_heads(getattr(attn, f"add_{name}_proj")(text), attn.heads)
                x = torch.cat([getattr(attn, f"norm_added_{name}")(other), x], 2)
            found.append(x * cos + quarter_turned(x) * sin)
        return found


@pytest.fixture(scope="module", params=[MMFace, SD3, Flux], ids=lambda kind: kind.__name__)
def model(request):
    with torch.no_grad():
        yield request.param()


def recorder(model, **options):
    return JointRecorder(
        model.blocks, model.end, model.groups, (SIDE, SIDE), model.text_first, **options
    )


def read(model, **options):
    with recorder(model, **options) as recording:
        with suppress(StopForward):
            model()
        return recording.read()


def as_map(tokens):
    return tokens.transpose(1, 2).reshape(len(tokens), -1, SIDE, SIDE)


def watch(model, module):
    """Run the model without a recorder: (args, kwargs, output) of `module`."""
    seen = []
    hook = module.register_forward_hook(lambda m, *call: seen.append(call), with_kwargs=True)
    model()
    hook.remove()
    return seen[0]


def test_recording_changes_nothing_and_is_undone(model):
    before = model()
    with recorder(model):
        assert torch.equal(model(), before)
    modules = [*model.blocks, model.end, *(block.attn for block in model.blocks)]
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in modules)
    with pytest.raises(RuntimeError, match="no forward pass"):
        recorder(model).read()


def test_h_and_f_are_what_flows_between_the_blocks(model):
    h, f, _, _ = read(model)
    for found, module in ((h, model.blocks[1]), (f[0], model.blocks[2]), (f[1], model.end)):
        args, kwargs, _ = watch(model, module)
        tokens = kwargs["hidden_states"] if "hidden_states" in kwargs else args[0]
        assert torch.equal(found, as_map(tokens))


def test_f_has_the_residual_of_a_controlnet():
    with torch.no_grad():
        model = SD3()
        _, f, _, _ = read(model)
        _, _, output = watch(model, model.blocks[1])
        torch.testing.assert_close(f[0], as_map(output[1] + model.residuals[1]))


def expected_attention(model, group, heads, mass):
    """Outputs and probabilities of a group, from full matrices."""
    outputs, probabilities = [], []
    image = slice(TOKENS, None) if model.text_first else slice(IMAGE)
    text = slice(TOKENS) if model.text_first else slice(IMAGE, None)
    for index in group:
        attn = model.blocks[index].attn
        args, kwargs, output = watch(model, attn)
        output = output[0] if isinstance(output, tuple) else output[:, image]
        outputs.append(output)
        query, key = model.query_and_key(attn, args, kwargs)
        p = torch.softmax(query @ key.mT / query.shape[-1] ** 0.5, -1)[:, :, image, text]
        if mass == "text":
            p = p / p.sum(-1, keepdim=True)
        probabilities.append(p.amax(1) if heads == "max" else p.mean(1))
    return as_map(torch.stack(outputs).amax(0)), as_map(torch.stack(probabilities).amax(0))


@pytest.mark.parametrize("heads", ["max", "mean"])
@pytest.mark.parametrize("mass", ["raw", "text"])
def test_attention_equals_a_full_softmax(model, heads, mass, monkeypatch):
    monkeypatch.setattr("gantoolkit.encoders.joint_recorder.QUERIES", 5)  # 16 tokens in 4 parts
    _, _, outputs, probabilities = read(model, heads=heads, mass=mass)
    for index, group in enumerate(model.groups):
        output, p = expected_attention(model, group, heads, mass)
        torch.testing.assert_close(outputs[index], output)
        torch.testing.assert_close(probabilities[index], p, atol=1e-6, rtol=1e-4)
        assert p.shape == (2, TOKENS, SIDE, SIDE)


def test_samples_keep_a_part_of_the_batch(model):
    whole, part = read(model), read(model, samples=slice(1, None))
    for one, other in zip((whole[0], *whole[1], *whole[2]), (part[0], *part[1], *part[2])):
        assert torch.equal(one[1:], other)
    for one, other in zip(whole[3], part[3]):
        torch.testing.assert_close(one[1:], other)


def test_only_h_leaves_early(model):
    h, f, outputs, probabilities = read(model, only_h=True)
    assert torch.equal(h, read(model)[0])
    assert f == outputs == probabilities == ()
    with recorder(model, only_h=True), pytest.raises(StopForward):
        model()
    model()


def test_a_failing_attention_leaves_no_watch_behind():
    with torch.no_grad():
        model = MMFace()
        model.blocks[2].attn.to_out.weight.data = torch.zeros(3, 3)
        with recorder(model), pytest.raises(RuntimeError):
            model()
        assert not [m for m in torch.overrides._get_current_function_mode_stack() if m]


def test_a_masked_attention_is_refused():
    x = torch.zeros(1, 1, 2, 4)
    with AttentionWatch(lambda *call: None), pytest.raises(NotImplementedError, match="mask"):
        torch.nn.functional.scaled_dot_product_attention(x, x, x, attn_mask=torch.zeros(2, 2))


def test_groups_share_the_blocks_without_gaps():
    assert even_groups(14, 28, 2) == (tuple(range(14, 21)), tuple(range(21, 28)))
    assert [len(group) for group in even_groups(19, 57, 3)] == [12, 13, 13]
