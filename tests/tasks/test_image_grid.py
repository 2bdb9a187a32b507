"""The picture of what a task draws."""

import torch

from gantoolkit.tasks.image_grid import image_grid


def test_sheet_lays_out_rows_and_columns():
    images = torch.arange(6.0).div(8).view(2, 3, 1, 1, 1).expand(2, 3, 3, 2, 2)
    picture = image_grid(images)
    assert picture.shape == (3, 4, 6)
    assert picture[0, ::2, ::2].mul(8).tolist() == [[0, 1, 2], [3, 4, 5]]


def test_sheet_is_what_concatenation_gives():
    rows = [
        torch.rand(4, 3, 5, 5, generator=torch.Generator().manual_seed(seed)) * 2 - 1
        for seed in range(3)
    ]
    assert torch.equal(image_grid(rows), torch.cat([torch.cat(list(row), 2) for row in rows], 1))
    assert image_grid([2 * rows[0]]).abs().amax() == 1
