"""What prompts state, checked against the renderer's own attributes; CLIP score by hand."""

from __future__ import annotations

import pytest
import torch
from test_pairs import Faces

from gantoolkit.core.types import Condition, Target
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.metrics.base import EvalBatch
from gantoolkit.metrics.prompt import CLIPScore, PromptAttributes, stated_attributes


def test_what_captions_state_is_true_of_the_rendered_people():
    """200 people with ten captions each: no stated attribute contradicts what was rendered."""
    faces = FaceZip("val")
    known = {}
    for row in faces.attributes:
        for name, value in row.items():
            known.setdefault(name, set()).add(str(value))
    known = {name: sorted(values) for name, values in known.items()}
    found = set()
    for captions, truth in zip(faces.captions, faces.attributes):
        for caption in captions:
            for name, values in stated_attributes(caption, known):
                assert str(truth[name]) in values, (caption, name, values, truth[name])
                found.add(name)
    assert len(found) >= 20, sorted(found)


def test_stated_by_hand():
    known = {
        "hair_color": ["brown", "dark brown"],
        "smile": ["False"],
        "gender": ["female", "male"],
        "glasses": ["none", "eyeglasses", "sunglasses"],
    }
    assert dict(stated_attributes("She has long dark brown hair and wears sunglasses.", known)) == {
        "gender": {"female"},
        "hair_color": {"dark brown"},
        "glasses": {"eyeglasses", "sunglasses"},
    }
    brown = dict(stated_attributes("a woman with brown hair", known))["hair_color"]
    assert brown == {"brown", "dark brown"}
    tones = {"skin_tone": ["fair", "very fair"]}
    assert dict(stated_attributes("very fair skin", tones)) == {"skin_tone": {"very fair"}}
    assert dict(stated_attributes("", known)) == {}


KNOWN = {
    "gender": ["female", "male"],
    "glasses": ["none", "eyeglasses", "sunglasses"],
    "hat": ["none", "beanie", "cap"],
    "beard": ["none", "beard", "goatee", "stubble"],
    "smiling": ["False", "True"],
    "earrings": ["none", "hoop"],
    "hair_color": ["none", "black", "brown"],
    "hair_length": ["none", "long", "short"],
    "bald": ["False", "True"],
}
EYE_WEAR = {"eyeglasses", "sunglasses"}


@pytest.mark.parametrize(
    "prompt, stated",
    [
        ("woman, no glasses", {"gender": {"female"}, "glasses": {"none"}}),
        ("glasses, not smiling", {"glasses": EYE_WEAR, "smiling": {"False"}}),
        ("She isn't smiling.", {"gender": {"female"}, "smiling": {"False"}}),
        ("not wearing glasses but smiling", {"glasses": {"none"}, "smiling": {"True"}}),
        ("not smiling and wearing glasses", {"glasses": EYE_WEAR, "smiling": {"False"}}),
        ("without glasses or earrings", {"glasses": {"none"}, "earrings": {"none"}}),
        ("a man, no hat, no beard", {"gender": {"male"}, "hat": {"none"}, "beard": {"none"}}),
        ("without a cap", {"hat": {"none", "beanie"}}),
        ("He has no goatee.", {"gender": {"male"}, "beard": {"none", "beard", "stubble"}}),
        ("no smile, with long hair", {"smiling": {"False"}, "hair_length": {"long"}}),
        ("no glasses and earrings", {"glasses": {"none"}}),  # the earrings may be meant either way
        ("no glasses and a beanie", {"glasses": {"none"}, "hat": {"beanie"}}),
        ("no hair, clean-shaven", {"bald": {"True"}, "beard": {"none"}}),
        ("not only smiling, wearing glasses", {"smiling": {"True"}, "glasses": EYE_WEAR}),
        ("smiling, no, not smiling", {}),
        ("reddish brown hair", {}),
        ("hair is not black", {}),
        ("no black hair", {"hair_color": {"none", "brown"}}),
    ],
)  # fmt: skip
def test_denied_things_are_not_stated(prompt, stated):
    assert dict(stated_attributes(prompt, KNOWN)) == stated


def test_everyday_captions_deny_only_what_is_missing():
    """Lists such as 'woman, no glasses, not smiling', by the renderer that knows the truth."""
    everyday = pytest.importorskip("gantoolkit_annyfaces.everyday")
    import numpy as np

    faces = FaceZip("val")
    attributes = ("glasses", "hat", "beard", "earrings", "smiling", "bald", "gender")
    known = {n: sorted({str(row[n]) for row in faces.attributes}) for n in attributes}
    checked = 0
    for index, truth in enumerate(faces.attributes):
        for caption in everyday.everyday_captions(truth, np.random.default_rng(index), "photo"):
            for name, values in stated_attributes(caption, known):
                assert str(truth[name]) in values, (caption, name, values, truth[name])
                checked += 1
    assert checked > 1000


class Smiles(Faces):
    attributes = {"smiling": ["False", "True"], "hair": ["black", "blond"]}

    def observe(self, images):
        found = super().observe(images)
        found.attributes = {"smiling": found.attributes["smile"], "hair": found.attributes["hair"]}
        found.text = torch.nn.functional.normalize(images.mean((2, 3)), dim=1)
        return found

    def embed_text(self, texts):
        return torch.tensor([[1.0, 0, 0] if "red" in t else [-1.0, 0, 0] for t in texts])


def with_network(metric):
    metric.network = Smiles()
    return metric


def test_prompt_attributes_skip_prompts_that_state_nothing():
    image = torch.ones(3, 3, 4, 4) * torch.tensor([0.5, -0.5, 0.5]).view(3, 1, 1, 1)
    metric = with_network(PromptAttributes("smiles"))
    metric.update(
        EvalBatch(image, Target(image), Condition(("He is smiling.", "She is smiling.", "")))
    )
    (score,) = metric.compute().values()
    assert score.value == pytest.approx(0.5) and score.n == 2 and score.conditions["skipped"] == 1


def test_clip_score_by_hand():
    image = torch.zeros(2, 3, 4, 4)
    image[:, 0], image[:, 1] = 0.6, 0.8
    metric = with_network(CLIPScore("smiles"))
    metric.update(EvalBatch(image, Target(image), Condition(("red", "blue"))))
    (score,) = metric.compute().values()
    assert score.value == pytest.approx((60 + 0) / 2, abs=1e-4)
