# The embedded text-conditioned U-Net: latents [4,16,16], 3.8 M parameters, text tower frozen.
# About 25 minutes on 2 cores. Needs the exports of pretrain/vae.py and pretrain/towers.py.
task = "diffusion"
name = "diffusion"
seed = 0
data = "zoo-train"
vae = "runs/vae/export"
text = "runs/towers/export/towers"
cache = "runs/cache"
widths = (32, 64, 96, 96)
lr = 1e-3
schedule = dict(
    iterations=1000,
    batch=64,
    precision="bf16",
    warmup=100,
    decay="cosine",
    clip=1.0,
    log_every=20,
    save_every=500,
    pictures_every=1000,
)
