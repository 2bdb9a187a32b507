"""The judge: one observation with all heads, images of any size, captions of any length."""

from __future__ import annotations

import torch

from gantoolkit import networks, weights
from gantoolkit.networks.judge import Judge, PlaceReader


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


@torch.no_grad()
def test_an_attribute_is_read_at_its_places():
    reader = PlaceReader(8, 4, attributes=2, hidden=6)
    reader.attend.weight.zero_()
    reader.place[0, 1, 2] = 50  # the first looks at one place, the second at all alike
    x = torch.randn(3, 8, 4, 4)
    local = reader.local(x)
    read = reader(x)
    torch.testing.assert_close(read[:, 0], local[:, :, 1, 2])
    torch.testing.assert_close(read[:, 1], local.mean((2, 3)))


@torch.no_grad()
def test_places_add_to_what_the_whole_picture_says(tmp_path):
    torch.manual_seed(0)
    options = dict(attributes={"smile": ["False", "True"]}, words=["a"])
    judge = Judge(48, (8, 12, 16, 24), (1, 1, 1, 1), places=True, **options).eval()
    plain = Judge(48, (8, 12, 16, 24), (1, 1, 1, 1), **options).eval()
    plain.load_state_dict(judge.state_dict(), strict=False)
    x = torch.rand(2, 3, 48, 48) * 2 - 1
    seen, without = judge.observe(x), plain.observe(x)
    added = judge.place_heads["smile"](judge.place_reader(seen.maps[2])[:, 0])
    torch.testing.assert_close(seen.attributes["smile"], without.attributes["smile"] + added)

    file = weights.save(tmp_path / "judge.safetensors", judge.state_dict(), judge.arch)
    again = networks.load(str(file)).observe(x)
    torch.testing.assert_close(again.attributes["smile"], seen.attributes["smile"])
