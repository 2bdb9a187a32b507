# The main job: text and a semantic mask to a 3D face.
_base_ = ["_base_/mini.py", "_base_/codes.py"]
generator = "eg3d"
