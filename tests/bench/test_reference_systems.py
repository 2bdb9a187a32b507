"""Reference systems: other people's photos come as they lie in their archive, a trained run's
generator draws its codes."""

from __future__ import annotations

import shutil

import pytest
import torch

from gantoolkit import weights
from gantoolkit.bench import reference_systems, systems
from gantoolkit.bench import suite as suites
from gantoolkit.bench.pairs import open_pairs
from gantoolkit.core.camera import Frame
from gantoolkit.core.errors import DataError
from gantoolkit.core.types import Condition
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.data.pair_rule import SEED_STRIDE
from gantoolkit.generators import load_generator
from gantoolkit.registry import manifest


def condition(*seeds):
    return Condition(text=("",) * len(seeds), seed=torch.tensor(seeds))


def test_pair_i_gets_picture_i_whatever_the_seed_of_the_suite():
    images = FaceZip("val").images
    drawn = reference_systems.OtherRealPhotos("val").solve(condition(3, 2 * SEED_STRIDE + 7)).image
    assert torch.equal(((drawn + 1) * 127.5).round().byte(), images[[3, 7]])


def test_fewer_pictures_than_pairs_are_a_sentence():
    with pytest.raises(DataError, match="val.zip has 200 pictures, fewer than there are pairs"):
        reference_systems.OtherRealPhotos("val").solve(condition(199, 200))


def test_a_row_may_name_a_run_that_trained_a_generator(tmp_path):
    index, export = manifest.load(), tmp_path / "mine" / "export"
    export.mkdir(parents=True)
    shutil.copy(
        index.file(index.weights["stylegan2"]), export / "stylegan2.safetensors"
    )  # as GAN.export names it
    spec = dict(type="RandomSamples", generator="mine")
    assert "no run 'mine'" in suites.missing_run(
        spec, tmp_path / "elsewhere"
    ) and not suites.missing_run(spec, tmp_path)
    system = systems.build(suites.resolve_runs(spec, tmp_path))
    z = torch.stack(
        [torch.randn(system.generator.z_dim, generator=torch.Generator().manual_seed(5))]
    )
    expected = load_generator("stylegan2").mapping(z)
    assert torch.equal(system.solve(condition(5)), expected)
    assert list(system.weights().values()) == [index.weights["stylegan2"]["sha256"]]


def test_views_are_drawn_where_the_generator_s_own_cameras_stand(tmp_path):
    state, arch, _ = weights.load("eg3d")
    weights.save(
        tmp_path / "cats.safetensors",
        state,
        dict(arch, pivot=[0, 0, 0], radius=1.7, focal=1.7, level=-0.1),
    )
    system = systems.build(dict(type="RandomSamples", generator=str(tmp_path / "cats.safetensors")))
    assert system.frame == Frame(-0.1, (0, 0, 0), 1.7, 1.7)
    origin = system.frame.side(0.4).cam2world[0, :3, 3]
    assert float(origin.norm()) == pytest.approx(1.7, abs=1e-5)


def test_names_of_the_registry_stay_names_beside_runs_that_are_called_the_same(tmp_path):
    for name in ("diffusion", "eg3d"):
        (tmp_path / name).mkdir()
    for spec in (
        dict(type="Diffused", weights="diffusion"),
        dict(type="RandomSamples", generator="eg3d"),
    ):
        assert suites.resolve_runs(spec, tmp_path) == spec and not suites.missing_run(
            spec, tmp_path
        )


def test_the_inversion_of_the_diffusion_model_s_image_comes_nearer_to_it_than_the_mean_face():
    condition = open_pairs("val", 1).sample(torch.arange(1), "mask").condition
    diffused = dict(weights="diffusion", controlnet="controlnet-mask", steps=1)
    inverted = dict(type="InvertedDiffused", generator="stylegan2", inversion_steps=6)
    system = systems.build(inverted | diffused)
    target = systems.Diffused.solve(system, condition).image
    codes = system.codes(system.solve(condition))
    mean = system.generator.mean_w.expand_as(codes)
    found, start = (system.render(ws, None).image for ws in (codes, mean))
    assert (found - target).square().mean() < 0.7 * (start - target).square().mean()
    assert system.networks()["inversion"] == "parser"  # it may not judge
    assert set(system.weights()) == {"diffusion", "controlnet-mask", "stylegan2", "parser"}
    assert system.needs == ("text", "mask") and system.latent_source == "trajectory"
