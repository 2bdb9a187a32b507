"""Network T: Eq. 3 and 4 against a plain NumPy reference, its start, switches and gradients."""

import numpy as np
import pytest
import torch
from scipy.signal import correlate
from test_mapping import SHAPES, features

from gantoolkit.bridges.absm import AbSM
from gantoolkit.bridges.attention import word_attention
from gantoolkit.core.errors import UsageError
from gantoolkit.core.types import Features, FeatureShapes

MEAN = torch.linspace(-1, 1, 6)


def absm(seed=0, spread=0.3, **switches):
    """A bridge whose every parameter has been moved away from its start."""
    bridge = AbSM(SHAPES, 5, 6, MEAN, width=10, **switches)
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in bridge.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=g) * spread)
    return bridge.eval()


# -- a reference without torch's layers ------------------------------------------------------------


def upsample(x, size):
    """Bilinear with half-pixel centres, loop by loop. x [C,h,w]."""
    h, w = x.shape[1:]
    out = np.zeros((len(x), *size))
    for i in range(size[0]):
        for j in range(size[1]):
            y, z = (
                max((k + 0.5) * n / s - 0.5, 0) for k, n, s in ((i, h, size[0]), (j, w, size[1]))
            )
            a, b = int(y), int(z)
            c, d = min(a + 1, h - 1), min(b + 1, w - 1)
            p, q = y - a, z - b
            out[:, i, j] = (
                (1 - p) * (1 - q) * x[:, a, b]
                + (1 - p) * q * x[:, a, d]
                + p * (1 - q) * x[:, c, b]
                + p * q * x[:, c, d]
            )
    return out


def conv(x, weight, bias, stride=1):
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    full = np.stack(
        [sum(correlate(padded[i], w[i], "valid") for i in range(len(x))) for w in weight]
    )
    return full[:, ::stride, ::stride] + bias[:, None, None]


def leaky(x, slope):
    return np.where(x > 0, x, slope * x)


def stack(p, prefix, x):
    for n in (0, 2):
        x = leaky(conv(x, p[f"{prefix}.{n}.weight"], p[f"{prefix}.{n}.bias"]), 0.2)
    return x


def styles(p, prefix, x):
    n = 0
    while x.shape[-1] > 1:
        x = leaky(conv(x, p[f"{prefix}.convs.{n}.weight"], p[f"{prefix}.convs.{n}.bias"], 2), 0.01)
        n += 2
    weight = p[f"{prefix}.linear.weight"]
    return (weight / np.sqrt(weight.shape[1]) @ x[:, 0, 0] + p[f"{prefix}.linear.bias"]).reshape(
        5, 6
    )


def standardize(x):
    return (x - x.mean()) / np.sqrt(x.var() + 1e-5)


def reference(bridge, found, b):
    """w of sample b by the equations of section 3.3."""
    p = {k: v.detach().double().numpy() for k, v in bridge.state_dict().items()}
    f, a, prob = (
        [x[b].double().numpy() for x in maps] for maps in (found.f, found.attn_out, found.attn_prob)
    )
    words, size = found.words[b].numpy(), bridge.size
    F = [upsample(x, size) for x in f]
    A = [upsample(x, size) for x in a]
    A_bar = np.mean([upsample(x[words].mean(0)[None], size) for x in prob], 0)
    F_bar = np.mean([x.mean(0, keepdims=True) for x in F], 0)
    local, overall = np.concatenate([x * y for x, y in zip(F, A)]), F_bar * A_bar
    if bridge.normalize:
        local, overall = standardize(local), standardize(overall)
    codes = {}
    for k in ("gamma", "beta"):
        alpha = 1 / (1 + np.exp(-p[f"a.{k}"][0]))
        mixed = alpha * stack(p, f"local.{k}", local) + (1 - alpha) * stack(
            p, f"overall.{k}", overall
        )
        codes[k] = styles(p, f"styles.{k}.blocks.0", mixed)
    w_m = styles(p, "mapping.styles.blocks.0", found.h[b].double().numpy()) + p["mapping.mean_w"]
    return w_m * (1 + codes["gamma"]) + codes["beta"]


@pytest.mark.parametrize("normalize", [False, True])
def test_equations_3_and_4(normalize):
    bridge, found = absm(normalize=normalize), features()
    latent = bridge(found)
    for b in range(3):
        np.testing.assert_allclose(
            latent.ws[b].detach().numpy(), reference(bridge, found, b), atol=2e-5
        )
    torch.testing.assert_close(latent.ws, latent.w_m * latent.w_gamma + latent.w_beta)


# -- the start, the switches -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "switches",
    [
        {},
        {"attention": "none"},
        {"attention": "prob_proj"},
        {"per_style": True},
        {"attention": "prob_broadcast", "alpha": "per_step", "tokens": "all"},
    ],
)
def test_untrained_bridge_gives_the_mean_exactly(switches):
    latent = AbSM(SHAPES, 5, 6, MEAN, width=8, **switches)(features())
    assert torch.equal(latent.ws, MEAN.expand(3, 5, 6))
    assert latent.w_gamma.eq(1).all() and latent.w_beta.eq(0).all()


def changed(name, **switches):
    """Whether w changes when one tensor of the features does."""
    bridge, found = absm(**switches), features()
    fields = dict(found.__dict__)
    value = fields[name]
    fields[name] = ~value if name == "words" else tuple(v + torch.rand_like(v) for v in value)
    return not torch.allclose(bridge(found).ws, bridge(Features(**fields)).ws, atol=1e-6)


@pytest.mark.parametrize(
    "switches,sees",
    [
        ({}, "f attn_out attn_prob words"),
        ({"attention": "none"}, "f"),
        ({"attention": "prob_broadcast"}, "f attn_prob words"),
        ({"attention": "prob_proj"}, "f attn_prob words"),
        ({"tokens": "all"}, "f attn_out attn_prob"),
        ({"normalize": True}, "f attn_out attn_prob words"),
    ],
)
def test_a_switch_decides_what_t_sees(switches, sees):
    assert {n for n in ("f", "attn_out", "attn_prob", "words") if changed(n, **switches)} == set(
        sees.split()
    )


@pytest.mark.parametrize("attention", ["output_max", "prob_broadcast", "prob_proj"])
def test_an_empty_prompt_counts_as_full_attention(attention):
    bridge, found = absm(attention=attention), features()
    words = found.words.clone()
    words[1] = False
    silent = Features(**{**found.__dict__, "words": words})
    assert word_attention(silent)[1].eq(1).all()
    assert not word_attention(silent)[0].eq(1).any()
    if attention != "output_max":
        assert all(a[1].eq(1).all() for a in bridge.attention_maps(silent))
    assert bridge(silent).ws.isfinite().all()


def test_alpha_per_step_takes_the_nearest_step():
    bridge = absm(alpha="per_step")
    expected = torch.sigmoid(bridge.a["beta"])[[0, 1, 2]].view(3, 1, 1, 1)
    assert torch.equal(bridge.alpha("beta", torch.tensor([901, 480, 0])), expected)
    assert absm().alpha("beta", torch.tensor([901])).shape == (1, 1, 1, 1)
    with pytest.raises(UsageError, match="per_step"):
        AbSM(FeatureShapes(SHAPES.h, SHAPES.f, 7), 5, 6, MEAN, alpha="per_step")


def test_alpha_starts_at_a_half():
    assert AbSM(SHAPES, 5, 6, MEAN).alpha("gamma", torch.zeros(1)).item() == 0.5


def test_size_is_the_largest_map_or_as_given():
    assert AbSM(SHAPES, 5, 6, MEAN, width=8).size == (8, 8)
    small = AbSM(SHAPES, 5, 6, MEAN, width=8, size=4)
    assert small.maps(features())[0].shape == (3, 20, 4, 4)


def test_unknown_switch_is_a_sentence():
    with pytest.raises(UsageError, match="attention='outputmax' is unknown; choose 'output_max'"):
        AbSM(SHAPES, 5, 6, MEAN, attention="outputmax")


# -- gradients -------------------------------------------------------------------------------------


def grads(parameters):
    return [p.grad is not None and bool(p.grad.any()) for p in parameters]


def test_each_loss_reaches_its_own_network():
    bridge = absm()
    bridge(features()).ws.square().sum().backward()
    assert all(grads(bridge.modulation_parameters())) and not any(
        grads(bridge.mapping_parameters())
    )
    bridge.zero_grad()
    bridge(features(), mapping_only=True).ws.square().sum().backward()
    assert all(grads(bridge.mapping_parameters())) and not any(
        grads(bridge.modulation_parameters())
    )
    bridge.zero_grad()
    joint = absm(detach=False)
    joint(features()).ws.square().sum().backward()
    assert all(grads(joint.parameters()))


def test_parameters_are_either_m_or_t():
    bridge = absm(attention="prob_proj")
    m, t = (
        {id(p) for p in part}
        for part in (bridge.mapping_parameters(), bridge.modulation_parameters())
    )
    assert not m & t and len(m | t) == len(list(bridge.parameters()))


def test_gradient_by_finite_differences():
    bridge = absm().double()
    found = features(1)
    found = Features(
        **{
            k: tuple(x.double() for x in v)
            if isinstance(v, tuple)
            else (v.double() if k == "h" else v)
            for k, v in found.__dict__.items()
        }
    )
    for name in ("a.gamma", "styles.beta.blocks.0.linear.bias", "local.gamma.0.bias"):
        parameter = dict(bridge.named_parameters())[name]
        bridge.zero_grad()
        bridge(found).ws.double().sum().backward()
        slope, eps = parameter.grad.flatten()[0].item(), 1e-3
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                parameter.flatten()[0].add_(sign * eps)
                values.append(bridge(found).ws.double().sum().item())
                parameter.flatten()[0].sub_(sign * eps)
        assert abs((values[0] - values[1]) / (2 * eps) - slope) < 1e-2 * max(1, abs(slope))
