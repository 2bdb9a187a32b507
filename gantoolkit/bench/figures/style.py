"""Figure 10: style transfer; the diffusion model's own image beside the results and views of `views`."""

from __future__ import annotations

import numpy as np

from gantoolkit.bench.figures import views
from gantoolkit.bench.figures.scene import Scene


def render(scene: Scene, args) -> tuple[np.ndarray, dict]:
    """Render the sheet [H,W,3] of `views` with I^d_0, with which all losses of such a run compared."""
    return views.render(scene, args, show_x0=True)
