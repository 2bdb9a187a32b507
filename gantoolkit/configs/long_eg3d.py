# The main job with twice its iterations, as table 1 compares it (docs/tables/tuning.md).
_base_ = ["_base_/mini.py", "_base_/codes.py"]
generator = "eg3d"
schedule = dict(iterations=2400)
