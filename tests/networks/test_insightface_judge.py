"""insightface as a judge: the recognizer's file by our own network, the detector by stand-ins."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from gantoolkit import networks
from gantoolkit.core.errors import WeightsError
from gantoolkit.networks.arcface import ArcFace
from gantoolkit.networks.insightface_judge import InsightFace, to_bgr


def test_a_recognizers_file_sees_the_whole_image(tmp_path):
    pytest.importorskip("insightface")
    from gantoolkit.networks.onnx import export_onnx

    torch.manual_seed(1)
    network = ArcFace(112, ((8, 1), (8, 1)), 16).eval()
    file = export_onnx(network, tmp_path / "arcface.onnx", 112)
    judge = networks.load(f"insightface:{file}")
    images = (
        torch.randint(0, 256, (3, 3, 112, 112), generator=torch.Generator().manual_seed(0)) / 127.5
        - 1
    )
    with torch.no_grad():
        torch.testing.assert_close(judge.embed(images), network.embed(images), atol=1e-4, rtol=1e-3)


def test_the_largest_face_counts_and_none_is_nan():
    judge = InsightFace.__new__(InsightFace)
    torch.nn.Module.__init__(judge)

    def face(side, value):
        return SimpleNamespace(bbox=np.array([0, 0, side, side]), embedding=np.array([value, 0.0]))

    answers = iter([[face(5, -1.0), face(9, 3.0)], []])
    judge.recognizer, judge.face_analysis = None, SimpleNamespace(get=lambda picture: next(answers))
    found = judge.embed(torch.zeros(2, 3, 8, 8))
    assert found[0].tolist() == [1, 0] and torch.isnan(found[1]).all()


def test_channels_are_opencvs():
    red = torch.tensor([1.0, -1, -1]).view(1, 3, 1, 1)
    assert to_bgr(red)[0].tolist() == [[[0, 0, 255]]]


def test_missing_models_are_answered_without_a_download(tmp_path):
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(WeightsError, match="a folder with a detector and a recognizer"):
            networks.load(f"insightface:{path}")
