# The preset stylegan2-mask.
_base_ = ["../_base_/mini.py", "../_base_/preset.py"]
generator = "stylegan2"
losses = dict(target=dict(network="stylegan2-encoder"))
