# The preset stylegan2-scribble.
_base_ = ["../_base_/mini.py", "../_base_/preset.py"]
condition = "scribble"
encoder = dict(controlnet="controlnet-scribble")
generator = "stylegan2"
losses = dict(target=dict(network="stylegan2-encoder"))
