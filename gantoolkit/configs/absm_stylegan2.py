# Text and a semantic mask to a 2D face.
_base_ = ["_base_/mini.py", "_base_/codes.py"]
generator = "stylegan2"
losses = dict(target=dict(network="stylegan2-encoder"))
