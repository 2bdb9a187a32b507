"""Batches: indexed row by row, whatever they hold."""

import pytest
import torch

from gantoolkit.core.types import Camera, Condition, Features, Sample, Target


def sample(count: int = 4) -> Sample:
    rows, texts = torch.arange(count), tuple(f"face {i}" for i in range(count))
    camera = Camera(torch.eye(4).repeat(count, 1, 1), torch.eye(3).repeat(count, 1, 1))
    return Sample(
        Condition(texts, torch.rand(count, 19, 2, 2), camera=camera, seed=rows),
        Target(
            torch.rand(count, 3, 2, 2),
            identity=rows,
            attributes=tuple({"age": i} for i in range(count)),
        ),
    )


@pytest.mark.parametrize(
    "index, rows",
    [
        (2, [2]),
        (-1, [3]),
        (slice(1, 3), [1, 2]),
        (slice(None, None, -1), [3, 2, 1, 0]),
        ([3, 0, 3], [3, 0, 3]),
        ([], []),
        (torch.tensor([2, 1]), [2, 1]),
    ],
)
def test_every_field_follows_an_index(index, rows):
    whole = sample()
    found = whole[index]
    assert (
        len(found) == len(rows)
        and found.condition.seed.tolist() == found.target.identity.tolist() == rows
    )
    assert found.condition.text == tuple(f"face {i}" for i in rows)
    assert found.target.attributes == tuple({"age": i} for i in rows)
    assert torch.equal(found.target.image_gt, whole.target.image_gt[rows]) and len(
        found.condition.camera
    ) == len(rows)
    assert found.target.depth is None and found.condition.scribble is None


def test_a_loop_ends_after_the_last_sample():
    texts = [one.text for one, _ in zip(sample(3).condition, range(5))]
    assert texts == [("face 0",), ("face 1",), ("face 2",)]


def test_a_tuple_of_maps_is_indexed_map_by_map():
    maps = tuple(torch.rand(3, 4, size, size) for size in (2, 4))
    features = Features(
        torch.rand(3, 8, 2, 2),
        maps,
        maps,
        maps,
        torch.ones(3, 5, dtype=torch.bool),
        torch.arange(3),
    )
    found = features[[2, 0]]
    assert len(found.f) == 2 and all(
        torch.equal(a, b[[2, 0]]) for a, b in zip(found.f, maps, strict=True)
    )
