"""Files of StyleGAN3: pickles in NVIDIA's form, and state dicts with its names."""

from __future__ import annotations

import os

import mini
import numpy as np
import nvidia_pickle as write
import pytest
import torch

import gantoolkit
from gantoolkit import convert, weights
from gantoolkit.cli import main
from gantoolkit.core.errors import WeightsError
from gantoolkit.generators.stylegan3 import StyleGAN3
from gantoolkit.inference.load import load_pipeline
from gantoolkit.training.runner import run

NAME = "stylegan3-t-ffhqu-256.pkl"
TINY = dict(z_dim=6, w_dim=8, resolution=16, channels=(8, 6, 6, 4))


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GANTOOLKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    yield
    assert not os.path.exists("executed"), "source text of a pickle was executed"


def make(**options) -> StyleGAN3:
    """A generator without a number that is 0 or 1 from the start."""
    torch.manual_seed(0)
    generator = StyleGAN3(**{**TINY, **options}).eval().requires_grad_(False)
    for parameter in generator.parameters():
        parameter += torch.randn_like(parameter)
    for name, buffer in generator.named_buffers():
        if name.endswith(("magnitude_ema", "transform")):
            buffer *= 0.7
    generator.mapping.w_avg.normal_()
    return generator


def pickled(generator: StyleGAN3, protocol: int = 4, ordered: bool = True, change=None) -> bytes:
    extra = write.stylegan3_extra(generator)
    if change:
        change(extra)
    with write.writing():
        return write.dump({"G_ema": write.graph(generator, ordered, extra=extra)}, protocol)


def save(content: bytes, name: str = NAME) -> str:
    with open(name, "wb") as file:
        file.write(content)
    return name


@pytest.mark.parametrize(
    "options, protocol, ordered",
    [
        (dict(), 3, True),
        (dict(variant="r", conv_clamp=0.5), 4, False),
        (dict(c_dim=5, mapping_layers=3, mapping_lr_mul=0.1), 5, False),
    ],
    ids=["t", "r", "labels"],
)
@torch.no_grad()
def test_pickles(options, protocol, ordered):
    ours = make(**options)
    theirs = gantoolkit.load_generator(save(pickled(ours, protocol, ordered)))
    z = torch.randn(2, 6)
    c = torch.randn(2, 5) if "c_dim" in options else None
    ws = ours.mapping(z, c, 0.6)
    torch.testing.assert_close(theirs.mapping(z, c, 0.6), ws)
    assert theirs.fix_input
    for fixed in (True, False):
        ours.fix_input = theirs.fix_input = fixed
        assert torch.equal(theirs.render(ws).image, ours.render(ws).image)


@pytest.mark.parametrize("module", [b"numpy.core", b"numpy._core"])
def test_numbers_of_both_versions_of_numpy(module):
    """Protocol 2 names globals in lines, so that the other version's name can be put in."""
    own = b"numpy._core" if np.__version__ >= "2" else b"numpy.core"
    content = pickled(make(), protocol=2)
    assert content.count(b"c" + own + b".multiarray\n") >= 2, "a scalar and an array"
    save(content.replace(b"c" + own, b"c" + module))
    assert gantoolkit.load_generator(NAME).resolution == 16


def test_the_command_says_what_a_file_holds(capsys):
    save(pickled(make()))
    assert main.main(["weights", "convert", NAME, "g.safetensors"]) == 0
    text = capsys.readouterr().out
    facts = ("becomes:         StyleGAN3", "16 px", "num_ws:          6", "mapping layers:  2")
    for words in (*facts, "camera:          none", "unused keys:     none"):
        assert words in text, words
    arch = weights.architecture(weights.resolve("g.safetensors"))
    assert arch["variant"] == "t" and arch["channels"] == [8, 6, 6, 4]


def test_exports_are_refused_in_one_sentence(capsys):
    save(pickled(make()))
    for target in ("x.pt", "x.safetensors"):
        assert main.main(["weights", "export", NAME, target]) == 1
        said = capsys.readouterr().err
        assert "StyleGAN3; only a StyleGAN2 can be written" in said and said.count("\n") == 1


def test_a_bridge_trains_on_a_pickle(tmp_path, tiny_zip):
    save(pickled(make(channels=(8, 6, 4))))
    run(mini.config(tmp_path, tiny_zip, generator=NAME), tmp_path / "run")
    rows = mini.losses(tmp_path / "run")
    assert rows[5]["M/l2"] < rows[0]["M/l2"] and rows[-1]["T/l2"] < rows[6]["T/l2"]
    pipeline = load_pipeline(tmp_path / "run")
    assert isinstance(pipeline.generator, StyleGAN3) and pipeline.generator.fix_input


@pytest.mark.parametrize("prefix", ["", "G_ema."])
@torch.no_grad()
def test_state_dicts(prefix):
    ours = make(variant="r")
    torch.save({prefix + key: value for key, value in ours.state_dict().items()}, "g.pt")
    ws = torch.randn(2, ours.num_ws, 8)
    theirs = gantoolkit.load_generator("g.pt")
    assert torch.equal(theirs.render(ws).image, ours.render(ws).image)


def other_filter(generator):
    generator.synthesis.L1_36_6.down_filter[3] += 0.01


def other_kernel(generator):
    layer = generator.synthesis.L0_36_8
    layer.weight = torch.nn.Parameter(torch.zeros(8, 8, 5, 5))


def other_sizes(generator):
    generator.synthesis.add_module("L0_40_8", generator.synthesis.L0_36_8)
    del generator.synthesis.L0_36_8


def lost_layer(generator):
    del generator.synthesis.L2_36_6


def lost_tensor(generator):
    generator.synthesis.input.phases = None


@pytest.mark.parametrize(
    "change, words",
    [
        (other_filter, "other filters"),
        (other_kernel, "other convolutions"),
        (other_sizes, "other sampling rates"),
        (lost_layer, "lacks layers"),
        (lost_tensor, "synthesis.input.phases"),
    ],
)
def test_what_is_not_as_published_is_refused(change, words):
    generator = make()
    extra = write.stylegan3_extra(generator)
    change(generator)
    with write.writing():
        save(write.dump({"G_ema": write.graph(generator, extra=extra)}))
    with pytest.raises(WeightsError, match=words):
        convert.read_parts(weights.resolve(NAME))


def test_another_scale_of_the_image_is_refused():
    save(pickled(make(), change=lambda extra: extra["synthesis"].update(output_scale=1.0)))
    with pytest.raises(WeightsError, match="other scales of the image"):
        convert.read_parts(weights.resolve(NAME))
