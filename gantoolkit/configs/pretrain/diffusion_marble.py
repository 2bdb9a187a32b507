# Teaches the embedded U-Net "a marble statue of …", for configs/style_transfer.py; text tower and ControlNets stay.
# Ordinary faces beside the statues keep it from forgetting them. A quarter of an hour on one core.
_base_ = "diffusion.py"
name = "diffusion_marble"
data = "marble-zoo.zip"  # how to render it: docs/figures.md
also = "bridge-train"
start = vae = text = "diffusion"
texts = 5
min_snr = 1.0
lr = 3e-4
schedule = dict(iterations=300, batch=48, warmup=20, save_every=100, pictures_every=100)
