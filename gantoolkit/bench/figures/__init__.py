"""The paper's figures, made again from trained runs: `gantoolkit figure` (docs/figures.md)."""
