"""The evaluator: names say the network, conditions are recorded, no network of a loss judges."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from gantoolkit import weights
from gantoolkit.core.errors import UsageError
from gantoolkit.core.types import Condition, Target
from gantoolkit.metrics import Evaluator
from gantoolkit.networks.arcface import EG3D_CROP, PSP_CROP, ArcFace
from gantoolkit.networks.face_parser import FaceParser
from gantoolkit.networks.judge import Judge


@pytest.fixture(scope="module")
def judge():
    torch.manual_seed(0)
    return Judge(32, (8, 8, 8, 8), (1, 1, 1, 1), embedding=8, text_embedding=8, words=["a", "face"])


@pytest.fixture(scope="module")
def judge_file(judge, tmp_path_factory):
    return str(
        weights.save(
            tmp_path_factory.mktemp("zoo") / "judge.safetensors", judge.state_dict(), judge.arch
        )
    )


def data(n=6, size=32, seed=0):
    g = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 19, (n, size, size), generator=g)
    target = Target(torch.rand(n, 3, size, size, generator=g) * 2 - 1, labels)
    return torch.rand(n, 3, size, size, generator=g) * 2 - 1, target, Condition(("a face",) * n)


def test_one_pass_gives_all_scores(judge):
    image, target, condition = data()
    evaluator = Evaluator(judge=judge, conditions={"latent_source": "trajectory"})
    for n in range(0, 6, 4):
        evaluator.update(image[n : n + 4], target[n : n + 4], condition[n : n + 4])
    scores = evaluator.compute()
    assert set(scores) == {
        "fid[judge]",
        "lpips[judge]",
        "ms_ssim",
        "id_gt[judge]",
        "acc[judge]",
        "miou_present[judge]",
        "miou_all19[judge]",
        "miou_confusion[judge]",
    }
    assert all(s.n == 6 and s.conditions["latent_source"] == "trajectory" for s in scores.values())
    assert not scores["lpips[judge]"].higher_is_better and scores["acc[judge]"].higher_is_better
    whole = Evaluator(judge=judge)
    whole.update(image, target, condition)
    for name, score in whole.compute().items():
        assert score.value == pytest.approx(scores[name].value, rel=1e-4, abs=1e-6), name


def test_itself_is_perfect(judge):
    _, target, condition = data()
    evaluator = Evaluator(
        {"fid": {}, "lpips": {}, "ms_ssim": {}, "id_gt": {}, "text": {}}, judge=judge
    )
    evaluator.update(target.image_gt, target, condition)
    values = {k: s.value for k, s in evaluator.compute().items()}
    assert values["fid[judge]"] == pytest.approx(0, abs=1e-8) and values[
        "lpips[judge]"
    ] == pytest.approx(0, abs=1e-8)
    assert values["id_gt[judge]"] == pytest.approx(1, abs=1e-5) and -1 <= values["text[judge]"] <= 1


def test_size_is_stated(judge):
    image, target, condition = data(size=64)
    evaluator = Evaluator({"lpips": {}}, judge=judge, size=32)
    evaluator.update(image, target, condition)
    score = evaluator.compute()["lpips[judge]"]
    assert "64 to 32" in score.conditions["resize"] and score.conditions["network"] == "judge"


def test_networks_of_the_losses_never_judge(judge_file, tmp_path):
    parser = FaceParser(32, (4, 4))
    file = weights.save(tmp_path / "parser.safetensors", parser.state_dict(), parser.arch)
    allowed = Evaluator({"lpips": {}}, judge=judge_file, forbidden={"perceptual": str(file)})
    assert allowed.networks() == {"lpips": "judge"} and len(allowed.weights()["judge"]) == 64
    for metrics, forbidden, source, advice in (
        (
            {"lpips": {"network": str(file)}},
            {"perceptual": str(file)},
            judge_file,
            "network for it, such as 'judge'",
        ),  # by name
        (
            {"acc": {}},
            {"identity": "judge"},
            judge_file,
            "network for the loss 'identity', such",
        ),  # the judge as a loss
        ({"acc": {}}, {"identity": judge_file}, judge_file, "judge, such as 'judge'"),  # by path
        (
            {"id_gt": {"network": "arcface"}},
            {"identity": "arcface"},
            judge_file,
            "network for it, such as 'judge'",
        ),
    ):
        with pytest.raises(UsageError, match=f"choose another {advice}"):
            Evaluator(metrics, judge=source, forbidden=forbidden)
    copy = tmp_path / "innocent.safetensors"  # the same file under another name
    copy.write_bytes(file.read_bytes())
    with pytest.raises(UsageError, match="which the run's loss 'perceptual' used"):
        Evaluator(
            {"lpips": {"network": str(copy)}}, judge=judge_file, forbidden={"perceptual": str(file)}
        )
    with pytest.raises(UsageError):
        Evaluator(
            {"lpips": {"network": "alex"}}, judge=judge_file, forbidden={"perceptual": "alex"}
        )


def test_a_recogniser_is_told_how_faces_are_framed(tmp_path):
    """id_gt of images in EG3D's framing is the cosine of the crop that belongs to it."""
    torch.manual_seed(0)
    network = ArcFace(16, ((4, 1), (4, 1)), 8, PSP_CROP).eval()
    file = str(weights.save(tmp_path / "arcface.safetensors", network.state_dict(), network.arch))
    images, truth = (
        torch.rand(2, 3, 3, 256, 256, generator=torch.Generator().manual_seed(1)) * 2 - 1
    )
    found = []
    for crop in (None, "ffhq", "eg3d"):
        evaluator = Evaluator(dict(id_gt=dict(network=file, crop=crop)))
        evaluator.update(images, Target(truth), Condition(("",) * 3))
        found.append(evaluator.compute()[f"id_gt[{file}]"])
    for score, crop in zip(found, (PSP_CROP, PSP_CROP, EG3D_CROP)):
        _, top, bottom, left, right = crop
        seen = [F.adaptive_avg_pool2d(x[:, :, top:bottom, left:right], 16) for x in (images, truth)]
        expected = F.cosine_similarity(*(network.raw_embedding(x) for x in seen)).mean()
        assert score.value == pytest.approx(expected.item(), abs=1e-5)
    assert found[2].conditions["crop"] == "eg3d" and "crop" not in found[0].conditions
    with pytest.raises(UsageError, match="choose 'ffhq' or 'eg3d'"):
        Evaluator(dict(id_gt=dict(network=file, crop="tight")))


def test_mistakes_are_answered(judge):
    with pytest.raises(UsageError, match="seen no image"):
        Evaluator({"fid": {}}, judge=judge).compute()
    with pytest.raises(UsageError, match="no argument 'netwrok'"):
        Evaluator({"fid": {"netwrok": "judge"}}, judge=judge)
    with pytest.raises(UsageError, match="There is no metric 'fyd'"):
        Evaluator({"fyd": {}}, judge=judge)
    evaluator = Evaluator({"ms_ssim": {}}, judge=judge)
    evaluator.update(*data())
    evaluator.reset()
    with pytest.raises(UsageError, match="seen no image"):
        evaluator.compute()
