# Text and a semantic mask to a 2D face, with twice the iterations of absm_stylegan2.py.
_base_ = "_base_/mini.py"
generator = "stylegan2"
schedule = dict(iterations=2400)
