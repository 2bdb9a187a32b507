"""Every shipped config runs, scores and exports: one iteration, in zoo.md's order."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import write_tiny_zip

from gantoolkit.cli import main
from gantoolkit.config import loader

pytestmark = pytest.mark.slow
CHAIN = [
    f"configs/pretrain/{name}.py"
    for name in (
        "parser",
        "towers",
        "vae",
        "diffusion",
        "diffusion_marble",
        "controlnet_mask",
        "controlnet_scribble",
        "dit",
        "arcface",
        "judge",
        "eg3d",
        "eg3d_codes",
        "eg3d_adversarial",
        "eg3d_adversarial_codes",
        "stylegan2",
        "stylegan2_codes",
        "stylegan2_adversarial",
        "stylegan2_adversarial_codes",
        "eg3d_encoder",
        "stylegan2_encoder",
        "ceiling_eg3d",
        "ceiling_stylegan2",
    )
]  # each reads what is before it
OWN = [
    name for name in loader.shipped_configs() if (Path(loader.__file__).parents[1] / name).is_file()
]
BRIDGES = [
    name for name in OWN if name not in CHAIN and "/full/" not in name
]  # full: test_dryrun.py


def test_the_chain_names_every_recipe():
    assert sorted(CHAIN) == sorted(name for name in OWN if "/pretrain/" in name)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with faces of the recipes' size and a cache of its own, for the chain's runs/."""
    folder = tmp_path_factory.mktemp("configs")
    write_tiny_zip(folder / "tiny.zip", count=48, size=128)
    return folder


@pytest.mark.parametrize("name", [*CHAIN, *BRIDGES])
def test_it_runs(name, place, monkeypatch):
    monkeypatch.chdir(place)
    monkeypatch.setenv("GANTOOLKIT_CACHE", str(place / "cache"))
    loaded = loader.load_config(name)
    few = [f"{key}=tiny.zip" for key in ("data", "extra_data") if isinstance(loaded.get(key), str)]
    if not few:
        few = ["data.train=val", "data.val=val", "data.train_limit=4", "data.val_limit=4"]
    if "ceiling" in name:
        few = ["data=val", "limit=4"]
    assert main.main(["run", name, *few, "schedule.iterations=1", "schedule.batch=2"]) == 0
    run = place / "runs" / loaded.name
    assert (
        (run / "record.json").is_file()
        and (run / "report.html").is_file()
        and any((run / "export").iterdir())
    )
