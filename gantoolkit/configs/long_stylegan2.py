# Text and a semantic mask to a 2D face, with twice the iterations of absm_stylegan2.py.
_base_ = ["_base_/mini.py", "_base_/codes.py"]
generator = "stylegan2"
losses = dict(target=dict(network="stylegan2-encoder"))
schedule = dict(iterations=2400)
