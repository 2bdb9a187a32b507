# Goes on from diffusion.py, so that words decide more: high noise weighs as much as low noise.
# ControlNets follow it (controlnet_mask_words.py). About 40 minutes on one core.
_base_ = "./diffusion.py"
name = "diffusion_words"
data = "prompt-train"
init_from = "runs/diffusion/export"
truncated_snr = 1.0
lr = 5e-4
schedule = dict(iterations=1500, warmup=50)
