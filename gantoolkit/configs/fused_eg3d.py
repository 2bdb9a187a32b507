# long_eg3d.py with a bridge beyond the paper: M joins every f^n to h (docs/tables/tuning.md).
_base_ = ["_base_/mini.py", "_base_/codes.py"]
generator = "eg3d"
bridge = dict(mapping=dict(pyramid=96))
schedule = dict(iterations=2400)
cache = dict(max_gb=2.0)  # features of all steps, 1.5 GB: M reads f in every iteration
