# The embedded text-conditioned U-Net: latents [8,16,16], 4.2 M parameters, text tower frozen.
# About 100 minutes on one core. Needs the exports of pretrain/vae.py and pretrain/towers.py.
task = "diffusion"
name = "diffusion"
seed = 0
data = "zoo-train"
vae = "runs/vae/export"
text = "runs/towers/export/towers"
cache = "runs/cache"
widths = (64, 96, 112)
truncated_snr = 1.0  # words decide what high noise holds: backgrounds, clothes, smiles
lr = 1e-3
schedule = dict(
    iterations=3000,
    batch=64,
    precision="bf16",
    warmup=100,
    decay="cosine",
    clip=1.0,
    log_every=20,
    save_every=100,
    pictures_every=1000,
)
