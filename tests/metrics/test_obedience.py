"""Obedience against counts made by hand, colors against scikit-image, prompts against readers."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from gantoolkit.core.errors import UsageError
from gantoolkit.core.labels import CLASSES
from gantoolkit.core.types import Condition, Target
from gantoolkit.metrics.base import EvalBatch
from gantoolkit.metrics.named_colors import COLORS, HAIR, nearest_name, rgb_to_lab
from gantoolkit.metrics.obedience import ASPECTS, Obedience, named_color

SIZE = 8


class Reader(torch.nn.Module):
    """A judge of pictures that say what they show: pixel (0, i) is 1 where attribute i is present.

    Rows 2 and 3 are background, 4 and 5 hair, 6 and 7 cloth.
    """

    attributes = {attribute: ["none", "some"] for attribute, _ in ASPECTS.values()}

    def observe(self, images):
        present = images[:, 0, 0, : len(self.attributes)]
        logits = torch.zeros(len(images), len(CLASSES), SIZE, SIZE)
        for rows, label in ((slice(4, 6), "hair"), (slice(6, 8), "cloth")):
            logits[:, CLASSES.index(label), rows] = 1
        logits[:, 1, :2] = 1
        values = {
            name: torch.stack([-present[:, i], present[:, i]], 1)
            for i, name in enumerate(self.attributes)
        }
        return SimpleNamespace(attributes=values, logits=logits)


def picture(glasses=False, hair="black", background="gray", clothes="blue"):
    image = torch.full((3, SIZE, SIZE), -1.0)
    image[:, 0, 0] = 1.0 if glasses else -1.0
    for rows, name, colors in (
        (slice(2, 4), background, COLORS),
        (slice(4, 6), hair, HAIR),
        (slice(6, 8), clothes, COLORS),
    ):
        image[:, rows] = torch.tensor(colors[name][-1]).view(3, 1, 1) / 127.5 - 1
    return image


def scores(prompts, results, truths, least=1):
    metric = Obedience(least=least)
    metric.network = Reader()
    for half in (slice(0, None, 2), slice(1, None, 2)):  # the order of batches does not matter
        batch = EvalBatch(
            torch.stack(results[half]),
            Target(torch.stack(truths[half])),
            Condition(tuple(prompts[half])),
        )
        metric.update(batch)
    return {name.removesuffix("[judge]"): score for name, score in metric.compute().items()}


def test_shares_of_named_and_other_people():
    prompts = ["a man with glasses"] * 4 + ["a man without glasses"] * 2 + ["a man"] * 3
    shown = [1, 1, 1, 0, 0, 0, 1, 0, 0]  # 3/4 where named, 1/5 elsewhere
    truth = [1, 1, 1, 1, 0, 0, 0, 0, 0]
    found = scores(
        prompts,
        [picture(glasses=bool(one)) for one in shown],
        [picture(glasses=bool(one)) for one in truth],
    )
    assert found["obedience_glasses"].value == pytest.approx(3 / 4 - 1 / 5)
    assert found["obedience_glasses"].n == 4
    assert found["obedience_glasses"].conditions == {"not_named": 5}
    assert set(found) == {"obedience", "obedience_glasses"}  # nothing else is named


def test_what_the_truth_itself_does_not_show_is_no_fault():
    prompts = ["with glasses"] * 4 + ["a man"] * 4
    half = [picture(glasses=index % 2 == 0) for index in range(4)] + [picture()] * 4
    assert scores(prompts, half, half)["obedience_glasses"].value == pytest.approx(1)


def test_one_color_for_everybody_is_no_obedience():
    names = ["red", "blue", "green", "gray"] * 5
    prompts = [f"The background is light {name}." for name in names]
    truth = [picture(background=name) for name in names]
    assert scores(prompts, truth, truth)["obedience_background_color"].value == pytest.approx(1)
    gray = [picture(background="gray")] * len(names)
    assert scores(prompts, gray, truth)["obedience_background_color"].value == pytest.approx(0)


def test_colors_count_by_how_often_they_are_named():
    names = ["red"] * 6 + ["blue"] * 2
    prompts = [f"She wears a {name} top." for name in names]
    truth = [picture(clothes=name) for name in names]
    mixed = [*truth[:6], picture(clothes="red"), picture(clothes="blue")]
    # red: 6/6 − 1/2, blue: 1/2 − 0; weighed 6 : 2
    found = scores(prompts, mixed, truth)["obedience_clothes_color"]
    assert found.value == pytest.approx((6 * 0.5 + 2 * 0.5) / 8)
    assert found.n == 8


def test_too_few_people_give_no_score():
    prompts = ["with glasses"] * 4 + ["a man"] * 4
    pictures = [picture(glasses=True)] * 4 + [picture()] * 4
    assert scores(prompts, pictures, pictures, least=5) == {}


def test_what_the_judge_cannot_read_has_no_score():
    prompts = ["with glasses"] * 4 + ["a man"] * 4
    results = [picture(glasses=True)] * 4 + [picture()] * 4
    assert scores(prompts, results, [picture()] * 8) == {}


def test_a_judge_without_the_attributes_is_refused():
    metric = Obedience()
    metric.network = Reader()
    metric.network.attributes = {"gender": ["female", "male"]}
    image = picture()[None]
    with pytest.raises(UsageError, match="knows 'glasses'"):
        metric.update(EvalBatch(image, Target(image), Condition(("a man",))))


@pytest.mark.parametrize(
    ("prompt", "named"),
    [
        ("guy, moustache, no hat", {"beard"}),
        ("He is not smiling and wears a cap.", {"hat"}),
        ("a bald man with a bald crown, five o'clock shadow", {"bald", "beard"}),
        ("a bald crown", set()),
        ("sunglasses, earrings, smile", {"glasses", "earrings", "smile"}),
        ("This man has a hat, but no glasses.", {"hat"}),
    ],
)
def test_what_a_prompt_names(prompt, named):
    metric = Obedience()
    flags = dict(zip(metric.things, metric._named(prompt)))
    assert {aspect for (aspect, color), flag in flags.items() if not color and flag == 1} == named


@pytest.mark.parametrize(
    ("prompt", "colors"),
    [
        ("He has dark brown hair. The background is dark blue.", ("brown", "blue", None)),
        ("long wavy blonde hair, light gray background", ("blond", "gray", None)),
        ("She wears lipstick and a dark green striped top.", (None, None, "green")),
        ("a grey suit and ginger hair", ("red", None, "gray")),
        ("reddish brown hair, brown eyes, fair skin", (None, None, None)),
    ],
)
def test_colors_that_a_prompt_names(prompt, colors):
    aspects = ("hair_color", "background_color", "clothes_color")
    assert tuple(named_color(prompt, aspect) for aspect in aspects) == colors


def test_lab_is_scikit_images():
    color = pytest.importorskip("skimage.color", reason="needs scikit-image")
    rgb = np.random.default_rng(0).random((64, 3))
    assert np.allclose(rgb_to_lab(torch.from_numpy(rgb)).numpy(), color.rgb2lab(rgb), atol=0.02)


def test_every_shade_has_its_own_name():
    for colors in (COLORS, HAIR):
        for name, shades in colors.items():
            assert {nearest_name(torch.tensor(shade) / 255, colors) for shade in shades} == {name}
