# Goes on from controlnet_mask.py, beside the U-Net of diffusion_words.py.
_base_ = "./controlnet_mask.py"
name = "controlnet_mask_words"
data = "prompt-train"
diffusion = "runs/diffusion_words/export"
init_from = "runs/controlnet_mask/export/controlnet"
truncated_snr = 1.0
drop_prompt_prob = 0.1
lr = 5e-4
schedule = dict(iterations=400)
