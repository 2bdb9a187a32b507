"""What `networks.load` reads: every network that a registry.yaml lists, from files that name it."""

from __future__ import annotations

import sys

import pytest
import torch
from torch import nn

from gantoolkit import networks, weights
from gantoolkit.core.errors import WeightsError
from gantoolkit.networks.discriminators import Discriminator
from gantoolkit.registry import manifest

SOURCE = """from torch import nn
class Dot(nn.Linear):
    def __init__(self, width: int):
        super().__init__(width, 1)
"""


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """A plugin that brings the network Dot."""
    package = tmp_path / "dots" / "pkg_dots"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(SOURCE)
    (package / "registry.yaml").write_text(
        'components: {network: {Dot: {module: "pkg_dots:Dot", summary: s}}}'
    )
    (package.parent / "pyproject.toml").write_text(
        '[project]\nname = "dots"\n[project.entry-points.gantoolkit]\ndots = "pkg_dots"\n'
    )
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("GANTOOLKIT_PLUGINS", str(package.parent))
    manifest.load.cache_clear()
    yield
    manifest.load.cache_clear()


def test_a_plugins_network_is_loaded(plugin, tmp_path):
    state = nn.Linear(5, 1).state_dict()
    found = networks.load(
        weights.save(tmp_path / "dot.safetensors", state, {"type": "Dot", "width": 5})
    )
    assert type(found).__name__ == "Dot" and not found.training and not found.weight.requires_grad
    assert torch.equal(found.weight, state["weight"])


def test_a_listed_network_is_loaded(tmp_path):
    arch = dict(resolution=8, channels=[4, 4])
    made = Discriminator(**arch)
    found = networks.load(
        weights.save(
            tmp_path / "d.safetensors", made.state_dict(), {"type": "Discriminator", **arch}
        )
    )
    x = torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(found(x), made(x))


@pytest.mark.parametrize("kind", ["Towers", "CLIP"])
def test_one_file_of_a_folder_says_so(tmp_path, kind):
    file = weights.save(
        tmp_path / "part.safetensors", {"x": torch.zeros(1)}, {"type": kind, "image": {}}
    )
    with pytest.raises(WeightsError, match=f"part of {kind}, .* give {tmp_path}"):
        networks.load(file)
