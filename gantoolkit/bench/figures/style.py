"""Figure 10: style transfer; the results of `views` beside the diffusion model's own image."""

from __future__ import annotations

import numpy as np

from gantoolkit.bench.figures import views
from gantoolkit.bench.figures.scene import Scene


def render(scene: Scene, args) -> tuple[np.ndarray, dict]:
    """Render the sheet [H,W,3] of `views` with I^d_0, the target of all losses of such a run."""
    return views.render(scene, args, show_x0=True)
