# The autoencoder of the embedded diffusion model: 64 px images to latents [4,16,16] (f = 4).
# 0.55 M parameters, 20 minutes on one core. Needs the export of pretrain/parser.py.
# Writes export/vae in diffusers' layout. The zoo's decoder went on learning afterwards.
task = "vae"
name = "vae"
seed = 0
data = "zoo-train"
widths = (16, 32, 64)
lr = 1e-3
perceptual = dict(type="Perceptual", network="parser")
schedule = dict(
    iterations=800,
    batch=32,
    precision="bf16",
    warmup=50,
    decay="cosine",
    clip=1.0,
    log_every=20,
    save_every=400,
    pictures_every=400,
)
