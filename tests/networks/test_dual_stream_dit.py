"""DualStreamDiT beside NumPy written from the paper's description, and its published names."""

import math

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from gantoolkit import weights
from gantoolkit.core.errors import WeightsError
from gantoolkit.networks.dual_stream_dit import MODALITIES, DualStreamDiT
from gantoolkit.networks.dual_stream_file import load_dit, read_arch

SMALL = dict(channels=3, hidden=24, depth=2, heads=2, patch=2, text_width=10)


def numbers(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def network():
    network = DualStreamDiT(**SMALL).eval().requires_grad_(False)
    for seed, parameter in enumerate(network.parameters()):
        parameter.copy_(numbers(seed, *parameter.shape) * 0.3)
    return network


@pytest.fixture(scope="module")
def inputs():
    """z_t and condition of 4×6 latent pixels, so that rows and columns cannot be confused."""
    return dict(
        latents=numbers(1, 2, 3, 4, 6),
        t=torch.tensor([999.0, 12.5]),
        text=numbers(2, 2, 5, 10),
        pooled=numbers(3, 2, 10),
        condition=numbers(4, 2, 3, 4, 6),
        modality=torch.tensor([0, 1]),
    )


# -- the same in NumPy, one sample at a time, in float64 ----------------------------------------


def linear(weights, name, x):
    y = x @ weights[f"{name}.weight"].T
    return y + weights[f"{name}.bias"] if f"{name}.bias" in weights else y


def silu(x):
    return x / (1 + np.exp(-x))


def gelu(x):
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def norm(x):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-6)


def rotated(vector, row, column):
    """One head's vector: its first half turns with the row, its second with the column."""
    out = vector.copy()
    half = len(vector) // 2
    for start, place in ((0, row), (half, column)):
        for pair in range(half // 2):
            angle = place * 10_000 ** (-2 * pair / half)
            a, b = vector[start + 2 * pair], vector[start + 2 * pair + 1]
            out[start + 2 * pair] = a * math.cos(angle) - b * math.sin(angle)
            out[start + 2 * pair + 1] = a * math.sin(angle) + b * math.cos(angle)
    return out


def attention(weights, name, image, text, places, heads):
    def joint(letter):
        own = linear(weights, f"{name}.to_{letter}", image)
        return np.concatenate([own, linear(weights, f"{name}.to_{letter}_t", text)])

    query, key, value = joint("q"), joint("k"), joint("v")
    width = query.shape[1] // heads
    mixed = np.zeros_like(query)
    for head in range(heads):
        part = slice(head * width, (head + 1) * width)
        q = np.stack([rotated(x, *place) for x, place in zip(query[:, part], places)])
        k = np.stack([rotated(x, *place) for x, place in zip(key[:, part], places)])
        scores = np.exp(q @ k.T / math.sqrt(width))
        mixed[:, part] = scores / scores.sum(1, keepdims=True) @ value[:, part]
    count = len(image)
    return (
        linear(weights, f"{name}.to_out", mixed[:count]),
        linear(weights, f"{name}.to_out_t", mixed[count:]),
    )


def mlp(weights, name, x):
    return linear(weights, f"{name}.2", gelu(linear(weights, f"{name}.0", x)))


def derived(state, heads, patch, latents, t, text, pooled, condition, modality):
    weights = {key: value.double().numpy() for key, value in state.items()}
    picture = np.concatenate([latents, condition])
    kernel = weights["x_embedder.proj.weight"]
    rows, columns = picture.shape[1] // patch, picture.shape[2] // patch
    tokens, places = [], []
    for row in range(rows):
        for column in range(columns):
            square = picture[
                :, row * patch : (row + 1) * patch, column * patch : (column + 1) * patch
            ]
            tokens.append((kernel * square).sum((1, 2, 3)) + weights["x_embedder.proj.bias"])
            places.append((row, column))
    image, words = np.stack(tokens), linear(weights, "clip_seq_proj", text)
    places += [(0, 0)] * len(words)

    rates = np.exp(-math.log(10_000) * np.arange(128) / 128)
    waves = np.concatenate([np.cos(t * rates), np.sin(t * rates)])
    vector = linear(weights, "t_embedder.mlp.2", silu(linear(weights, "t_embedder.mlp.0", waves)))
    vector = vector + linear(weights, "c_embedder.proj", pooled)
    vector = vector + weights["modality_embedder.weight"][modality]

    for index in range(1 + max(int(k.split(".")[1]) for k in weights if k.startswith("blocks"))):
        name = f"blocks.{index}"
        twelve = linear(weights, f"{name}.adaLN_modulation.1", silu(vector))
        a_shift, a_scale, a_gate, m_shift, m_scale, m_gate, *of_text = np.split(twelve, 12)
        ta_shift, ta_scale, ta_gate, tm_shift, tm_scale, tm_gate = of_text
        from_image, from_text = attention(
            weights,
            f"{name}.attn",
            norm(image) * (1 + a_scale) + a_shift,
            norm(words) * (1 + ta_scale) + ta_shift,
            places,
            heads,
        )
        image, words = image + a_gate * from_image, words + ta_gate * from_text

        image = image + m_gate * mlp(
            weights, f"{name}.mlp_i", norm(image) * (1 + m_scale) + m_shift
        )
        words = words + tm_gate * mlp(
            weights, f"{name}.mlp_t", norm(words) * (1 + tm_scale) + tm_shift
        )

    shift, scale = np.split(linear(weights, "final_layer.adaLN_modulation.1", silu(vector)), 2)
    flat = linear(weights, "final_layer.linear", norm(image) * (1 + scale) + shift)
    out = np.zeros_like(latents)
    for token, (row, column) in zip(flat, places):
        for dy in range(patch):
            for dx in range(patch):
                start = (dy * patch + dx) * len(out)
                out[:, row * patch + dy, column * patch + dx] = token[start : start + len(out)]
    return out


def test_the_network_equals_its_derivation(network, inputs):
    found = network(**inputs)
    for index in range(2):
        one = {key: value[index].double().numpy() for key, value in inputs.items()}
        one["modality"] = int(inputs["modality"][index])
        expected = derived(network.state_dict(), 2, 2, **one)
        error = (found[index].double() - torch.from_numpy(expected)).abs().max()
        assert error < 1e-4 * np.abs(expected).max()  # float32 angles of t = 999


# -- what else is known of it -------------------------------------------------------------------


def test_published_size_and_names():
    with torch.device("meta"):
        published = DualStreamDiT()
    state = published.state_dict()
    assert len(state) == 520
    assert sum(value.numel() for value in state.values()) == 1_345_298_624
    shapes = {
        "x_embedder.proj.weight": (1152, 32, 2, 2),
        "t_embedder.mlp.0.weight": (1152, 256),
        "c_embedder.null_feature_pooled": (1024,),
        "c_embedder.proj.bias": (1152,),
        "clip_seq_proj.weight": (1152, 1024),
        "modality_embedder.weight": (2, 1152),
        "blocks.27.attn.to_out_t.weight": (1152, 1152),
        "blocks.0.mlp_t.2.weight": (1152, 4608),
        "blocks.13.adaLN_modulation.1.bias": (13824,),
        "final_layer.linear.weight": (64, 1152),
        "final_layer.adaLN_modulation.1.weight": (2304, 1152),
    }
    assert {key: tuple(state[key].shape) for key in shapes} == shapes
    assert read_arch(state) == published.arch


def test_a_published_file_is_read_as_it_is(network, inputs, tmp_path):
    folder = tmp_path / "dit-unified-flux-vae-256-rfm/checkpoint-283517"
    folder.mkdir(parents=True)
    path = folder / "dit_model_weights_ema.safetensors"
    save_file(network.state_dict(), path)
    loaded, training = load_dit(path, heads=2)
    assert loaded.arch == SMALL
    assert training == {"objective": "flow", "resolution": "256"}
    assert torch.equal(loaded(**inputs), network(**inputs))
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    with pytest.raises(WeightsError, match="24 cannot be shared by 16 heads"):
        load_dit(path)
    save_file({key: value.bfloat16() for key, value in network.state_dict().items()}, path)
    assert {value.dtype for value in load_dit(path, heads=2)[0].parameters()} == {torch.float32}
    with pytest.raises(WeightsError, match="MMFace-DiT, which is read as it is"):
        weights.load(path)


def test_an_own_file_says_all_of_itself(network, inputs, tmp_path):
    path = tmp_path / "dit.safetensors"
    arch = {"type": "DualStreamDiT", **network.arch}
    weights.save(path, network.state_dict(), arch, objective="diffusion", resolution="64")
    loaded, training = load_dit(path)
    assert (training["objective"], training["resolution"]) == ("diffusion", "64")
    assert torch.equal(loaded(**inputs), network(**inputs))


def test_other_files_are_refused(tmp_path):
    save_file({"fc.weight": torch.zeros(2)}, tmp_path / "a.safetensors")
    with pytest.raises(WeightsError, match="does not hold the transformer of MMFace-DiT"):
        load_dit(tmp_path / "a.safetensors")
    weights.save(tmp_path / "b.safetensors", {"fc.weight": torch.zeros(2)}, {"type": "Judge"})
    with pytest.raises(WeightsError, match="holds Judge, where a DualStreamDiT is expected"):
        load_dit(tmp_path / "b.safetensors")


def test_a_dropped_pooled_state_is_the_learned_one(network, inputs):
    drop = torch.tensor([True, False])
    found = network(**inputs, drop_pooled=drop)
    null = network.c_embedder.null_feature_pooled
    pooled = torch.stack([null, inputs["pooled"][1]])
    torch.testing.assert_close(found, network(**(inputs | {"pooled": pooled})))
    assert not torch.allclose(found[0], network(**inputs)[0])


def test_text_tokens_have_no_order(network, inputs):
    mixed = inputs["text"][:, [3, 0, 4, 1, 2]]
    torch.testing.assert_close(network(**inputs), network(**(inputs | {"text": mixed})))


def test_an_untrained_network_predicts_zero_and_learns(inputs):
    torch.manual_seed(0)
    network = DualStreamDiT(**SMALL)
    output = network(**inputs)
    assert torch.equal(output, torch.zeros(2, 3, 4, 6))
    (output - 1).square().mean().backward()
    assert network.final_layer.linear.bias.grad.abs().min() > 0


def test_heads_that_do_not_share_the_width_are_refused():
    with pytest.raises(WeightsError, match="24 cannot be shared by 4 heads"):
        DualStreamDiT(**(SMALL | {"heads": 4}))


def test_modalities_are_in_the_published_order():
    assert MODALITIES == ("mask", "sketch")
