# The preset eg3d-scribble.
_base_ = ["../_base_/mini.py", "../_base_/preset.py"]
condition = "scribble"
encoder = dict(controlnet="controlnet-scribble")
generator = "eg3d"
