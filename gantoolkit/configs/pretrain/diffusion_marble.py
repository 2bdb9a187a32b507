# Teaches the embedded U-Net "a marble statue of …", for configs/style_transfer.py.
# Text tower and ControlNets stay. Ordinary faces beside the statues keep it from forgetting them.
# Data: docs/figures.md. Five minutes on one core.
_base_ = "diffusion.py"
name = "diffusion_marble"
data = "marble.zip"
extra_data = "photos.zip"
held_out = 24
init_from = vae = text = "diffusion"
max_captions = 5
min_snr = 1.0
truncated_snr = None
lr = 5e-4
schedule = dict(iterations=250, batch=48, warmup=20, save_every=50, pictures_every=50)
