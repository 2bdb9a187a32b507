"""The judge: one observation with all heads, images of any size, captions of any length."""

from __future__ import annotations

import torch

from gantoolkit import networks, weights
from gantoolkit.networks.judge import Judge


def small():
    torch.manual_seed(0)
    return Judge(
        32,
        (8, 12, 16, 24),
        (1, 1, 1, 1),
        embedding=16,
        text_embedding=8,
        attributes={"hair": ["black", "blond"], "smile": ["False", "True"]},
        words=[".", "a", "blond", "face"],
    ).eval()


@torch.no_grad()
def test_observation_and_file(tmp_path):
    judge = small()
    x = torch.rand(3, 3, 64, 64) * 2 - 1
    seen = judge.observe(x)
    assert seen.features.shape == (3, 256) and seen.logits.shape == (3, 19, 32, 32)
    assert [m.shape[-1] for m in seen.maps] == [16, 8, 4, 2]
    torch.testing.assert_close(seen.identity.norm(dim=1), torch.ones(3))
    assert {k: v.shape[1] for k, v in seen.attributes.items()} == {"hair": 2, "smile": 2}
    file = weights.save(tmp_path / "judge.safetensors", judge.state_dict(), judge.arch, half=True)
    again = networks.load(str(file))
    torch.testing.assert_close(again.observe(x).identity, seen.identity, atol=1e-2, rtol=0)
    assert again.words == judge.words and again.attributes == judge.attributes


@torch.no_grad()
def test_captions_do_not_disturb_each_other():
    judge = small()
    alone = judge.embed_text(["a blond face."])
    torch.testing.assert_close(
        judge.embed_text(["a blond face.", "a face, a face, a blond blond face"])[:1], alone
    )
    assert (
        judge.embed_text(["face blond"]) - judge.embed_text(["blond face"])
    ).abs().max() > 1e-5  # order counts
    assert torch.isfinite(judge.embed_text(["", "zebra"])).all()
