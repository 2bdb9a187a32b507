"""Figure 10: style transfer; the diffusion model's own image beside the results and views of `views`."""

from __future__ import annotations

import numpy as np

from gantoolkit.bench.figures import views
from gantoolkit.bench.figures.scene import Scene


def draw(scene: Scene, args) -> tuple[np.ndarray, dict]:
    """The sheet [H,W,3] of `views` with I^d_0, which all terms of such a run compared with."""
    return views.draw(scene, args, diffused=True)
