"""A published CLIP from a local folder in transformers' layout, for the CLIP score."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import gantoolkit.core.compat  # noqa: F401  transformers imports torchvision

import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit.core.errors import WeightsError
from gantoolkit.networks.blocks import channel_normalize
from gantoolkit.networks.clip_folder import STEMS, build_model, load_tokenizer
from gantoolkit.weights.folders import read_folder
from gantoolkit.weights.recognize import read_json
from gantoolkit.weights.state_dict import load_state_dict

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


class CLIP(nn.Module):
    """Embed images and captions as unit vectors [B,D] in one space, as `Towers` does.

    model      transformers' CLIPModel
    tokenizer  its CLIPTokenizer
    """

    def __init__(self, model: nn.Module, tokenizer):
        super().__init__()
        self.model = model
        self.tokenizer = tokenizer
        self.size = model.config.vision_config.image_size

    @classmethod
    def load(cls, folder: str | Path) -> CLIP:
        """Read a folder with config.json, model.safetensors and the tokenizer's files.

        Nothing is downloaded.
        """
        from transformers import CLIPConfig, CLIPModel

        folder = Path(folder)
        config = read_json(folder / "config.json")
        kind = config.get("model_type")
        if kind != "clip":
            raise WeightsError(
                f"{folder} holds a model of the type '{kind}', a CLIP model is expected."
            )
        state, file = read_folder(folder, STEMS)
        model = build_model(CLIPModel, CLIPConfig, config, folder)
        state = {key: value for key, value in state.items() if not key.endswith("position_ids")}
        load_state_dict(model, state, file)
        tokenizer = load_tokenizer(folder, model.config.text_config)
        return cls(model.eval().requires_grad_(False), tokenizer)

    def prepare(self, images: Tensor) -> Tensor:
        """Resize images −1..1 (antialiased bicubic), and apply CLIP's mean and deviation."""
        if images.shape[-1] != self.size:
            size = (self.size, self.size)
            images = F.interpolate(images.float(), size, mode="bicubic", antialias=True)
        unit_range = (images.clamp(-1, 1) + 1) / 2
        return channel_normalize(unit_range, MEAN, STD)

    def embed_image(self, images: Tensor) -> Tensor:
        """Return unit embeddings [B,D] of images [B,3,H,W] in −1..1."""
        pooled = self.model.vision_model(pixel_values=self.prepare(images)).pooler_output
        return F.normalize(self.model.visual_projection(pooled).float(), dim=1)

    def embed_text(self, captions: Sequence[str]) -> Tensor:
        """Return unit embeddings [B,D] of captions, cut at the model's longest text."""
        batch = self.tokenizer(
            list(captions),
            padding=True,
            truncation=True,
            return_tensors="pt",
            max_length=self.model.config.text_config.max_position_embeddings,
        )
        pooled = self.model.text_model(**batch.to(self.model.device)).pooler_output
        return F.normalize(self.model.text_projection(pooled).float(), dim=1)
