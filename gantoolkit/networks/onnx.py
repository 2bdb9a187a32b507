"""ArcFace as ONNX, in the layout that insightface's recognizer class reads."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit.networks.arcface import ArcFace


class BlobToEmbedding(nn.Module):
    """Embed insightface's blob: RGB (v − 127.5) / 127.5 [B,3,S,S] at `input_size` S."""

    def __init__(self, network: ArcFace, input_size: int):
        super().__init__()
        self.network = network
        self.resize = None if input_size == network.size else (network.size, network.size)

    def forward(self, blob: Tensor) -> Tensor:
        if self.resize:  # a small network, while insightface's router wants at least 112×112
            blob = F.interpolate(blob, self.resize, mode="bilinear", align_corners=False)
        return self.network.raw_embedding(blob)


def export_onnx(network: ArcFace, path: Path | str, input_size: int = 112) -> Path:
    """Write `network` so that `insightface.model_zoo.get_model(path)` returns a recognizer.

    insightface decides by the shapes: one input [N,3,S,S] with S ≥ 112 and divisible by 16, one
    output. The network's crop is not part of the file, because insightface passes aligned crops.
    """
    path = Path(path)
    module = BlobToEmbedding(network, input_size).eval().cpu().float()
    blob = torch.zeros(1, 3, input_size, input_size)
    torch.onnx.export(
        module,
        (blob,),
        str(path),
        input_names=["data"],
        output_names=["embedding"],
        dynamic_axes={"data": {0: "n"}, "embedding": {0: "n"}},
        opset_version=17,
        dynamo=False,  # the default exporter needs onnxscript; remove when this one goes
    )
    return path
