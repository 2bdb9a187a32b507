"""Importing the package starts nothing heavy."""

import os
import subprocess
import sys


def test_import_is_light():
    code = (
        "import sys, gantoolkit_annyfaces, gantoolkit_annyfaces.plugin; "
        "print([m for m in ('anny', 'warp', 'torch') if m in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
