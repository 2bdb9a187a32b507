# The preset stylegan2-mask.
_base_ = ["../_base_/mini.py", "../_base_/preset.py"]
generator = "stylegan2"
