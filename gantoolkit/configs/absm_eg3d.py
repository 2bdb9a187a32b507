# The main job: text and a semantic mask to a 3D face. About 7 minutes on 2 cores with AVX-512.
_base_ = ["_base_/mini.py", "_base_/codes.py"]
generator = "eg3d"
