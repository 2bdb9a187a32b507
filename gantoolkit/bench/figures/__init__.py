"""The paper's figures, made again from trained runs: `gantoolkit figure NAME RUN …` (docs/figures.md)."""
