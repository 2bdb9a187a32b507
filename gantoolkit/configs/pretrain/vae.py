# The autoencoder of the embedded diffusion model: 128 px images to latents [8,16,16] (f = 8).
# 1 M parameters, about 90 minutes on one core. Needs the export of pretrain/parser.py.
# Writes export/vae in diffusers' layout.
task = "vae"
name = "vae"
seed = 0
data = "zoo-train"
widths = (16, 32, 64, 64)
latent_channels = 8
lr = 1e-3
perceptual = dict(type="Perceptual", network="parser")
schedule = dict(
    iterations=1500,
    batch=32,
    precision="bf16",
    warmup=50,
    decay="cosine",
    clip=1.0,
    log_every=20,
    save_every=100,
    pictures_every=400,
)
