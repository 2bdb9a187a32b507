# A small MMFace-DiT in the latents of the embedded VAE: one transformer for masks and scribbles,
# by flow matching. 2 M parameters. Writes export/dit.safetensors, which absm_eg3d_dit.py reads.
task = "dit"
name = "dit"
seed = 0
data = "zoo-train"
vae = text = "diffusion"
cache = "runs/cache"
hidden = 96
depth = 6
heads = 4
lr = 1e-3
schedule = dict(
    iterations=6000,
    batch=64,
    precision="bf16",
    warmup=100,
    decay="cosine",
    clip=1.0,
    log_every=20,
    save_every=500,
    pictures_every=1000,
)
