# A ControlNet for scribbles beside the embedded U-Net.
# 2 M parameters, about 40 minutes on one core.
_base_ = "./controlnet_mask.py"
name = "controlnet_scribble"
seed = 1
condition = "scribble"
schedule = dict(iterations=900)
