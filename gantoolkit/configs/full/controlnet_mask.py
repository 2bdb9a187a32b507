# Fine-tunes the published segmentation ControlNet on the colors of CelebAMask-HQ.
# It has never seen them as faces.
_base_ = "../pretrain/controlnet_mask.py"
name = "controlnet_mask_sd15"
data = "data/celebamask-hq/train.zip"
diffusion = "stable-diffusion-v1-5"
init_from = "control_v11p_sd15_seg"
palette = "celebamask"
truncated_snr = None  # only tried on the embedded networks
recompute = True
steps = 20
guidance = 9.0
ema = 0.9995
lr = 1e-5
schedule = dict(
    iterations=20_000,
    batch=32,
    accumulate=4,
    warmup=500,
    decay="none",
    save_every=2000,
    pictures_every=2000,
)
