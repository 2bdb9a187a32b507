# Text and a scribble to a 2D face.
_base_ = ["_base_/mini.py", "_base_/codes.py"]
condition = "scribble"
encoder = dict(controlnet="controlnet-scribble")
generator = "stylegan2"
losses = dict(target=dict(network="stylegan2-encoder"))
