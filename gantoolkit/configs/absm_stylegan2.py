# Text and a semantic mask to a 2D face.
_base_ = "_base_/mini.py"
generator = "stylegan2"
