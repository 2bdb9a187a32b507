"""The picture of what a task draws."""

import torch

from gantoolkit.tasks.sheet import joined


def test_sheet_lays_out_rows_and_columns():
    images = torch.arange(6.0).div(8).view(2, 3, 1, 1, 1).expand(2, 3, 3, 2, 2)
    picture = joined(images)
    assert picture.shape == (3, 4, 6)
    assert picture[0, ::2, ::2].mul(8).tolist() == [[0, 1, 2], [3, 4, 5]]


def test_sheet_is_what_concatenation_gives():
    rows = [
        torch.rand(4, 3, 5, 5, generator=torch.Generator().manual_seed(seed)) * 2 - 1
        for seed in range(3)
    ]
    assert torch.equal(joined(rows), torch.cat([torch.cat(list(row), 2) for row in rows], 1))
    assert joined([2 * rows[0]]).abs().amax() == 1
