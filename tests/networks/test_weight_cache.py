"""What is kept of frozen weights: until they change, and never where it could be seen."""

from __future__ import annotations

import copy
import io
import threading

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gantoolkit.generators.synthesis import SynthesisLayer
from gantoolkit.networks import modulated_conv, ops
from gantoolkit.networks.cpu import conv, onednn
from gantoolkit.networks.cpu.weight_cache import FrozenWeightCache

needs_onednn = pytest.mark.skipif(
    not onednn.supported_dtypes(), reason="this build of torch has no oneDNN operations"
)


def frozen(*shape: int) -> nn.Parameter:
    weight = torch.randn(*shape).contiguous(memory_format=torch.channels_last)
    return nn.Parameter(weight, requires_grad=False)


def made(cache: FrozenWeightCache, weight) -> tuple[bool, torch.Tensor]:
    """Whether the sum of a weight was made anew, and the sum."""
    calls = []
    value = cache(weight, "sum", lambda w: calls.append(0) or w.sum())
    return bool(calls), value


CHANGES = dict(
    optimizer=lambda w: torch.no_grad()(w.add_)(1),
    data=lambda w: w.data.mul_(2),
    average=lambda w: torch._foreach_lerp_([w.data], [torch.ones_like(w)], 0.5),
    exchange=lambda w: setattr(w, "data", torch.ones_like(w)),
    precision=lambda w: setattr(w, "data", w.data.double()),
)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_is_made_anew_after_every_kind_of_change(change):
    cache, weight = FrozenWeightCache(), frozen(6, 5, 3, 3)
    assert made(cache, weight)[0] and not made(cache, weight)[0]
    change(weight)
    anew, value = made(cache, weight)
    assert anew and value == weight.sum() and not made(cache, weight)[0]


def test_another_weight_is_another():
    cache, weight = FrozenWeightCache(), frozen(4, 4, 3, 3)
    assert made(cache, weight)[0] and made(cache, nn.Parameter(weight.data, requires_grad=False))[0]


def test_nothing_is_kept_of_what_trains():
    cache, weight = FrozenWeightCache(), frozen(4, 4, 3, 3).requires_grad_()
    assert (
        made(cache, weight)[0] and made(cache, weight)[0] and made(cache, weight)[1].requires_grad
    )
    assert made(cache, torch.ones(3))[0] and made(cache, torch.ones(3))[0]


def test_a_value_made_under_inference_mode_serves_a_pass_with_gradients():
    cache, weight, x = FrozenWeightCache(), frozen(4, 4, 3, 3), torch.randn(4, requires_grad=True)
    with torch.inference_mode():
        assert made(cache, weight)[0]
    anew, value = made(cache, weight)
    assert not anew
    (x * value).sum().backward()
    torch.testing.assert_close(x.grad, weight.sum().expand(4))


def layer(up: int = 1) -> SynthesisLayer:
    return SynthesisLayer(6, 5, 7, 8 * up, up).requires_grad_(False)


def test_copies_and_files_know_nothing_of_it():
    first, x, w = layer(), torch.randn(1, 6, 8, 8), torch.randn(1, 7)
    names = set(first.state_dict())
    with torch.no_grad():
        first(x, w)
        assert first.weight_cache.names() and set(first.state_dict()) == names
        file = io.BytesIO()
        torch.save(first, file)
        file.seek(0)
        for other in (copy.deepcopy(first), torch.load(file, weights_only=False)):
            assert not other.weight_cache.names()
            torch.testing.assert_close(other(x, w), first(x, w))


@needs_onednn
@pytest.mark.parametrize("dtype, near", [(torch.float32, 1e-5), (torch.bfloat16, 2e-2)])
@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("batch, size", [(1, 4), (2, 7)])
def test_packed_weights_convolve_as_plain_ones_in_float64(dtype, near, autocast, batch, size):
    """Both ways, also where the map's size is another than at the first time."""
    if dtype not in onednn.supported_dtypes():
        pytest.skip("this machine has no bf16")
    cache, back, weight = FrozenWeightCache(), FrozenWeightCache(), frozen(5, 6, 3, 3)
    for edge in (size, size + 3):
        x = torch.randn(batch, 6, edge, edge).contiguous(memory_format=torch.channels_last)
        given = x if autocast else x.to(dtype)
        with (
            torch.no_grad(),
            torch.autocast("cpu", dtype, enabled=autocast and dtype == torch.bfloat16),
        ):
            got = conv.conv2d(given, weight, None, (1, 1), cache=cache)
            larger = conv.conv_transpose2d(given, weight, 2, cache=back)
        assert got.dtype == larger.dtype == dtype and ("packed", dtype) in cache.names()
        wide, w = x.double(), weight.double()
        torch.testing.assert_close(
            got.double(), F.conv2d(wide, w, padding=1), atol=10 * near, rtol=near
        )
        turned = F.conv_transpose2d(wide, w.transpose(0, 1), stride=2)
        torch.testing.assert_close(larger.double(), turned, atol=10 * near, rtol=near)


@pytest.mark.parametrize("up", [1, 2])
def test_a_layer_draws_the_same_frozen_and_free(up):
    """Before and after its weight changes, with and without gradients."""
    kept, free = layer(up), None
    x, w = torch.randn(2, 6, 8, 8), torch.randn(2, 7)
    for _ in range(2):
        free = copy.deepcopy(kept).requires_grad_()
        for _ in range(2):
            with torch.no_grad():
                torch.testing.assert_close(kept(x, w), free(x, w), atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(
            kept(x, w.requires_grad_()), free(x, w), atol=0, rtol=0
        )  # as in training
        w = w.detach()
        kept.weight.data.normal_()


def test_threads_share_a_layer():
    """All make what they find missing, and draw the same."""
    shared, x, w = layer(), torch.randn(1, 6, 8, 8), torch.randn(1, 7)
    with torch.no_grad():
        wanted, found = shared(x, w), []

        def draw() -> None:
            with torch.no_grad():  # per thread
                found.extend(shared(x, w) for _ in range(50))

        shared.weight_cache.clear()
        threads = [threading.Thread(target=draw) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(found) == 200
    for image in found:
        torch.testing.assert_close(image, wanted, atol=1e-6, rtol=1e-6)


def test_energy_is_kept_in_training_of_what_comes_before(monkeypatch):
    calls, real = [], modulated_conv.energy
    monkeypatch.setattr(modulated_conv, "energy", lambda weight: calls.append(0) or real(weight))
    drawn, w = layer(), torch.randn(1, 7, requires_grad=True)
    for _ in range(3):
        drawn(torch.randn(1, 6, 8, 8), w).sum().backward()
    assert len(calls) == 1 and w.grad.abs().sum() > 0


def saved_bytes(draw) -> int:
    """What a pass keeps for its backward pass, each storage once."""
    out, seen = draw(), {}
    todo = [out.grad_fn]
    while todo:
        node = todo.pop()
        if node is None or node in seen:
            continue
        saved = [getattr(node, name) for name in dir(node) if name.startswith("_saved_")]
        saved += getattr(node, "saved_tensors", ())  # of functions written in Python
        seen[node] = [tensor for tensor in saved if isinstance(tensor, torch.Tensor)]
        todo += [parent for parent, _ in node.next_functions]
    found = {
        t.untyped_storage().data_ptr(): t.untyped_storage().nbytes()
        for ts in seen.values()
        for t in ts
    }
    return sum(found.values())


@pytest.mark.parametrize("up", [1, 2])
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_frozen_layers_save_one_map_less_and_give_the_same_gradients(up, precision):
    """Also of second order, within a checkpoint and under autocast."""
    from torch.utils.checkpoint import checkpoint

    weight, x = (
        frozen(5, 6, 3, 3),
        torch.randn(2, 6, 16, 16).contiguous(memory_format=torch.channels_last),
    )
    leaves = [x.requires_grad_(), torch.randn(2, 6).requires_grad_()]

    def draw(w):
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == torch.bfloat16):
            return modulated_conv.modulated_conv2d(
                x, w, leaves[1], up=up, padding=1, f=ops.setup_filter()
            )

    def gradients(image):
        first = torch.autograd.grad(image.square().sum(), leaves, create_graph=True)
        return [*first, *torch.autograd.grad(sum(g.square().sum() for g in first), leaves)]

    free = nn.Parameter(weight.detach().clone(memory_format=torch.preserve_format))
    wanted = gradients(draw(free))
    for found in (
        gradients(draw(weight)),
        gradients(checkpoint(draw, weight, use_reentrant=False)),
    ):
        for mine, its in zip(found, wanted, strict=True):
            assert torch.equal(mine, its)
    assert (
        saved_bytes(lambda: draw(free)) - saved_bytes(lambda: draw(weight))
        >= x.numel() * precision.itemsize
    )


@pytest.mark.parametrize("taps", [(1, 3, 3, 1), (1, 2, 3, 5, 8, 5, 1, -1)])
def test_filters_save_no_map(taps):
    x, f = torch.randn(2, 6, 16, 16, requires_grad=True), ops.setup_filter(taps)
    assert saved_bytes(lambda: ops.upfirdn2d(x, f, down=2)) < x.nbytes / 2


@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("up", [1, 2])
def test_under_autocast_everything_behind_the_first_convolution_is_bf16(grad, batch, up):
    """Also where a float32 constant goes in: one promotion would double every later layer."""
    drawn, w = layer(up), torch.randn(batch, 7)
    with torch.set_grad_enabled(grad), torch.autocast("cpu", torch.bfloat16):
        assert drawn(torch.randn(batch, 6, 8, 8), w).dtype == torch.bfloat16


def test_torch_compile_traces_a_frozen_layer_as_one_graph():
    layer = SynthesisLayer(6, 5, 7, 16, up=2).eval().requires_grad_(False)
    x, w = torch.randn(2, 6, 8, 8), torch.randn(2, 7)
    with torch.no_grad():
        compiled = torch.compile(layer, backend="eager", fullgraph=True)
        torch.testing.assert_close(compiled(x, w), layer(x, w))
