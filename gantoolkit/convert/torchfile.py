"""Files of torch.save, old and new: checked first, then read by torch with `weights_only=True`.

Where something lies beside the tensors that torch does not know, `torch_objects` reads the file.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

from gantoolkit.convert import torch_objects
from gantoolkit.convert.torch_checks import HEADER, MAGIC, check_legacy, check_zip
from gantoolkit.core.errors import WeightsError

__all__ = ["HEADER", "MAGIC", "read"]


def read(path: Path):
    """Read the dicts, lists, numbers and tensors of a `.pt` or `.pth` file.

    Foreign objects beside them become Stubs. Raises WeightsError where it is damaged or refused.
    """
    import argparse

    import torch

    try:
        with open(path, "rb") as stream:
            check = check_zip if zipfile.is_zipfile(path) else check_legacy
            check(stream)
        try:
            with torch.serialization.safe_globals([argparse.Namespace]):
                return torch.load(path, "cpu", weights_only=True)
        except Exception:  # something beside tensors, a whole module, a newer protocol
            return torch_objects.read(path)
    except WeightsError as error:
        reason = str(error).rstrip(".").removeprefix("The pickle is refused: ")
    except Exception as error:  # whatever a damaged file leads Python to
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"
    raise WeightsError(f"{path} is damaged or refused: {reason}.")
