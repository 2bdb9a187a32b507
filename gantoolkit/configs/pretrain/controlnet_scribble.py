# A ControlNet for scribbles beside the embedded U-Net.
# 1.6 M parameters, about 15 minutes on 2 cores.
_base_ = "./controlnet_mask.py"
name = "controlnet_scribble"
seed = 1
condition = "scribble"
schedule = dict(iterations=900)
