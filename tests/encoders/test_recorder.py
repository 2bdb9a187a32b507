"""The recorder reads without disturbing; what it reads equals what the test computes by itself."""

import pytest
import torch
from tiny import parts

from gantoolkit.encoders.recorder import (
    FeatureRecorder,
    RecordingAttnProcessor,
    cross_attention_layers,
)


@pytest.fixture(scope="module")
def model():
    return parts(layers=2)


@pytest.fixture(scope="module")
def call(model):
    """One evaluation of U-Net and ControlNet on fixed inputs; (ε, mid residual)."""
    g = torch.Generator().manual_seed(1)
    z, t = torch.randn(3, 4, 8, 8, generator=g), torch.tensor([10, 500, 990])
    e, x = torch.randn(3, 24, 16, generator=g), torch.rand(3, 19, 32, 32, generator=g)

    @torch.no_grad()
    def run():
        down, mid = model.controlnet(z, t, e, controlnet_cond=x, return_dict=False)
        return model.unet(
            z,
            t,
            e,
            down_block_additional_residuals=down,
            mid_block_additional_residual=mid,
            return_dict=False,
        )[0], mid

    return run


def up_blocks(unet):
    return [b for b in unet.up_blocks if getattr(b, "has_cross_attention", False)]


def test_recording_does_not_change_the_result(model, call):
    before = call()[0]
    with FeatureRecorder(model.unet):
        during = call()[0]
    torch.testing.assert_close(during, before, atol=1e-5, rtol=0)
    assert torch.equal(call()[0], before)


def test_everything_is_put_back(model, call):
    attn = [a for b in up_blocks(model.unet) for a in cross_attention_layers(b)]
    kinds = [a.processor for a in attn]
    with pytest.raises(KeyError), FeatureRecorder(model.unet) as recorder:
        call()
        assert all(a.processor is not k for a, k in zip(attn, kinds))
        raise KeyError
    assert all(a.processor is k for a, k in zip(attn, kinds))
    assert not model.unet.up_blocks[0]._forward_pre_hooks
    assert not any(b.attentions[-1]._forward_hooks for b in up_blocks(model.unet))
    with pytest.raises(RuntimeError, match="no forward pass"):
        recorder.read()


def test_only_cross_attention_of_up_blocks_is_replaced(model, call):
    with FeatureRecorder(model.unet):
        recording = {
            n
            for n, p in model.unet.attn_processors.items()
            if isinstance(p, RecordingAttnProcessor)
        }
    names = model.unet.attn_processors
    assert recording == {n for n in names if n.startswith("up_blocks") and ".attn2." in n}
    assert len(recording) == 2 * 3


def test_h_contains_the_mid_residual_exactly(model, call):
    seen = []
    hook = model.unet.mid_block.register_forward_hook(lambda m, a, out: seen.append(out))
    with FeatureRecorder(model.unet) as recorder:
        mid = call()[1]
        h = recorder.read()[0]
    hook.remove()
    assert torch.equal(h, seen[0] + mid)
    assert mid.abs().max() > 1e-3


@pytest.mark.parametrize("tap", ["attention", "block"])
def test_f_is_the_output_at_the_tap(model, call, tap):
    seen, hooks = [], []
    for block in up_blocks(model.unet):
        module = block if tap == "block" else block.attentions[-1]
        hooks.append(
            module.register_forward_hook(
                lambda m, a, out: seen.append(out[0] if isinstance(out, tuple) else out)
            )
        )
    with FeatureRecorder(model.unet, tap) as recorder:
        call()
        f = recorder.read()[1]
    [h.remove() for h in hooks]
    first = 8 if tap == "block" else 4
    assert [x.shape[1:] for x in f] == [(24, first, first), (16, 8, 8)]
    assert all(torch.equal(a, b) for a, b in zip(f, seen))


def test_attention_equals_an_independent_softmax(model, call):
    """a^k from the inputs and outputs of every attn2 layer, by plain matrix products."""
    seen, hooks = {}, []
    for n, block in enumerate(up_blocks(model.unet)):
        for attn in cross_attention_layers(block):

            def see(m, args, kwargs, out, n=n):
                seen.setdefault(n, []).append((m, args[0], kwargs["encoder_hidden_states"], out))

            hooks.append(attn.register_forward_hook(see, with_kwargs=True))
    call()  # without the recorder: diffusers' own attention
    [h.remove() for h in hooks]
    with FeatureRecorder(model.unet) as recorder:
        call()
        _, _, outputs, probabilities = recorder.read()
    for n, layers in seen.items():
        assert len(layers) == 3
        size = outputs[n].shape[-2:]
        expected = (
            torch.stack([out for *_, out in layers]).amax(0).transpose(1, 2).unflatten(2, size)
        )
        torch.testing.assert_close(outputs[n], expected, atol=1e-5, rtol=1e-5)
        found = []
        for attn, x, context, _ in layers:
            width = attn.to_q.weight.shape[0] // attn.heads
            for head in range(attn.heads):
                rows = slice(head * width, (head + 1) * width)
                q, k = x @ attn.to_q.weight[rows].T, context @ attn.to_k.weight[rows].T
                p = torch.softmax(torch.einsum("bnd,btd->bnt", q, k) / width**0.5, -1)
                torch.testing.assert_close(p.sum(-1), torch.ones(p.shape[:2]))
                found.append(p)
        expected = torch.stack(found).amax(0).transpose(1, 2).unflatten(2, size)
        torch.testing.assert_close(probabilities[n], expected, atol=1e-5, rtol=1e-4)


def test_probabilities_of_one_layer_and_head_sum_to_one(model, call):
    attn = cross_attention_layers(up_blocks(model.unet)[0])[0]
    sums = []
    with FeatureRecorder(model.unet):
        inner = attn.processor.record
        attn.processor.record = lambda out, p: (sums.append(p.sum(-1)), inner(out, p))
        call()
    torch.testing.assert_close(sums[0], torch.ones(3, 2, 16))


def test_rows_keep_a_part_of_the_batch(model, call):
    with FeatureRecorder(model.unet) as recorder:
        call()
        whole = recorder.read()
    with FeatureRecorder(model.unet, samples=slice(1, None)) as recorder:
        call()
        part = recorder.read()
    assert torch.equal(part[0], whole[0][1:])
    for a, b in zip(part[1:], whole[1:]):
        assert all(torch.equal(x, y[1:]) for x, y in zip(a, b))
