# Paper scale, over mini.py: SD 1.5 + ControlNet, published generators, CelebAMask-HQ.
# How to get the weights and the data: docs/full-scale.md.
data = dict(
    train="data/celebamask-hq/train.zip",
    val="data/celebamask-hq/pairs.zip",
    train_limit=None,
    val_limit=2000,
)
encoder = dict(
    weights="stable-diffusion-v1-5",
    controlnet="runs/controlnet_mask_sd15/export/controlnet",
    palette="celebamask",
    steps=20,
    guidance=9.0,
)
bridge = dict(width=512, mapping=dict(width=512))
losses = dict(
    lpips=dict(type="LPIPS", net="alex", network="lpips-alex", weight=0.8),
    identity=dict(network="irse50"),
)
metrics = dict(  # none of these networks is in the losses; no published one reads attributes
    _delete_=True,
    fid=dict(network="inception-fid"),
    lpips=dict(network="vgg"),
    ms_ssim={},
    id_gt=dict(network="insightface:models/buffalo_l"),
    acc=dict(network="bisenet"),
    miou=dict(network="bisenet"),
    detail={},
)
loss_size = 256  # images are pooled before the losses, and scored, at this size
score_size = 256
sampling = dict(batch=16)
lr = 1e-4
lr_modulation = 1e-4
mapping_fraction = 0.5
ema = 0.9995
recompute = 2  # samples rendered at a time
schedule = dict(
    iterations=100_000,
    batch=8,
    warmup=500,
    log_every=50,
    save_every=2000,
    validate_every=20_000,
    validate_limit=200,
    pictures_every=5000,
)
