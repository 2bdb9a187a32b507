# Goes on from controlnet_scribble.py, beside the U-Net of diffusion_words.py.
_base_ = "./controlnet_mask_words.py"
name = "controlnet_scribble_words"
seed = 1
condition = "scribble"
init_from = "runs/controlnet_scribble/export/controlnet"
