"""Import yapf, which mmengine needs, although its cache may be broken.

`import gantoolkit.core.yapf_cache` before mmengine.

Reason: yapf pickles its grammar into the user's cache folder, and moves the file to its name before
the last bytes are written. A process that starts at the same moment, or after one that was killed
there, dies in `import mmengine` with "EOFError: Ran out of input".

Removal: when yapf's `Grammar.dump` closes its file before it renames it.
"""

from __future__ import annotations

import importlib
import pickle
from pathlib import Path

BROKEN = (EOFError, pickle.UnpicklingError, AttributeError, IndexError, ValueError)
ATTEMPTS = 5  # of which each but the last ends where another process writes at the same moment


def drop_grammars() -> None:
    """Delete yapf's pickled grammars, which it then makes anew."""
    from platformdirs import user_cache_dir

    for file in Path(user_cache_dir("YAPF", "Google")).rglob("*Grammar-py*.pickle"):
        file.unlink(missing_ok=True)


def import_yapf() -> None:
    """Import yapf; grammars that cannot be read are dropped first."""
    for _ in range(ATTEMPTS - 1):
        try:
            importlib.import_module("yapf")
            return
        except BROKEN:
            drop_grammars()
    importlib.import_module("yapf")


import_yapf()
