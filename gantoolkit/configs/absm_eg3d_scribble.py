# Text and a scribble to a 3D face.
_base_ = ["_base_/mini.py", "_base_/codes.py"]
condition = "scribble"
encoder = dict(controlnet="controlnet-scribble")
generator = "eg3d"
