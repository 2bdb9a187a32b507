"""Which caption belongs to which face: CLIP's loss and its score."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def contrastive_loss(images: Tensor, texts: Tensor, scale: Tensor, captions: list[str]) -> Tensor:
    """Return the symmetric cross-entropy of a batch; rows with the same caption share the answer.

    images, texts  unit embeddings [B,D]
    scale          of the cosines
    captions       B texts
    """
    logits = scale * images.float() @ texts.float().T
    index_of = {text: index for index, text in enumerate(dict.fromkeys(captions))}
    index = torch.tensor([index_of[text] for text in captions], device=logits.device)
    same_caption = (index[:, None] == index[None]).float()
    target = same_caption / same_caption.sum(1, keepdim=True)
    image_loss = F.cross_entropy(logits, target)
    text_loss = F.cross_entropy(logits.T, target)
    return 0.5 * (image_loss + text_loss)


def top1_rate(
    images: Tensor, texts: Tensor, captions: list[str], choices: int = 64
) -> tuple[float, int]:
    """Return (share of images whose own caption is nearest among `choices` different ones, n).

    Takes unit embeddings [N,D]. Rows whose caption occurred before are left out, the others are
    shuffled; n is a multiple of `choices`.
    """
    first_row: dict[str, int] = {}
    for row, caption in enumerate(captions):
        first_row.setdefault(caption, row)
    rows = torch.tensor(sorted(first_row.values()))
    stream = torch.Generator().manual_seed(0)
    rows = rows[torch.randperm(len(rows), generator=stream)]
    correct = 0
    count = 0
    for group in rows.split(choices):
        if len(group) == choices:
            nearest = (images[group] @ texts[group].T).argmax(1)
            own = torch.arange(choices, device=nearest.device)
            correct += int((nearest == own).sum())
            count += choices
    rate = correct / count if count else float("nan")
    return rate, count
