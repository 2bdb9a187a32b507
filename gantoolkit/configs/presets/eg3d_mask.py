# The preset eg3d-mask.
_base_ = ["../_base_/mini.py", "../_base_/preset.py"]
generator = "eg3d"
