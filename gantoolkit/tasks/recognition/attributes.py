"""Attributes of faces (hair color, age group, …) as classes to learn."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from gantoolkit.data.face_zip import FaceZip

UNKNOWN = -100  # the class of a row that lacks an attribute; cross_entropy ignores it


def attribute_values(faces: FaceZip, max_values: int = 24) -> dict[str, list[str]]:
    """Return attribute → sorted values, of those that take two to `max_values` values in the data.

    Amounts such as an age are not classes and are left out.
    """
    values: dict[str, set[str]] = {}
    for attributes in faces.attributes:
        for name, value in attributes.items():
            if not isinstance(value, float):
                values.setdefault(name, set()).add(str(value))

    table = {}
    for name in sorted(values):
        if 2 <= len(values[name]) <= max_values:
            table[name] = sorted(values[name])
    return table


def attribute_classes(faces: FaceZip, values: dict[str, list[str]]) -> Tensor:
    """Return the classes [N,A] of all rows in the order of `values`; UNKNOWN where missing."""
    classes = torch.full((len(faces), len(values)), UNKNOWN, dtype=torch.int64)
    for column, (name, known) in enumerate(values.items()):
        class_of = {value: index for index, value in enumerate(known)}
        for row, attributes in enumerate(faces.attributes):
            if name in attributes:
                value = str(attributes[name])
                classes[row, column] = class_of.get(value, UNKNOWN)
    return classes


def attribute_loss(logits: dict[str, Tensor], classes: Tensor) -> Tensor:
    """Return the cross-entropy, mean over attributes; `classes` [B,A] in the order of `logits`."""
    terms = []
    for column, scores in enumerate(logits.values()):
        target = classes[:, column]
        if (target >= 0).any():
            terms.append(F.cross_entropy(scores.float(), target, ignore_index=UNKNOWN))
        else:
            terms.append(scores.float().sum() * 0)
    return torch.stack(terms).mean()
