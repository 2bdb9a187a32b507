"""A checkout works without installing."""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve()
for folder in (HERE.parents[3], HERE.parents[1]):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
