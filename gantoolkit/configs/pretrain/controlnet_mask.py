# A ControlNet for one-hot masks beside the embedded U-Net.
# 2 M parameters, about an hour on one core.
task = "controlnet"
name = "controlnet_mask"
seed = 0
data = "zoo-train"
diffusion = "runs/diffusion/export"
condition = "mask"
cache = "runs/cache"
truncated_snr = 1.0
lr = 1e-3
schedule = dict(
    iterations=1600,
    batch=48,
    precision="bf16",
    warmup=50,
    decay="cosine",
    clip=1.0,
    log_every=20,
    save_every=400,
    pictures_every=400,
)
