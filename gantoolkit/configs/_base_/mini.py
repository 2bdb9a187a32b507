# The embedded universe: rendered faces of 128 px, small networks.
task = "bridge"
data = dict(train="bridge-train", val="val", train_limit=1200, val_limit=200)
condition = "mask"
encoder = dict(
    type="ControlNetEncoder",
    weights="diffusion",
    controlnet="controlnet-mask",
    steps=10,
    guidance=3.0,
    precision="bf16",
)
bridge = dict(type="AbSM", mapping=dict(width=384, normalize=True))
generator = "eg3d"
losses = dict(  # λ0 … λ3 of Eq. 6 and 7
    l2=dict(type="L2", weight=1.0),
    lpips=dict(type="Perceptual", weight=0.8, network="parser"),
    identity=dict(type="Identity", weight=0.1, network="arcface"),
    code=dict(type="LatentNorm", weight=0.005),
)
metrics = dict(
    fid={}, lpips={}, ms_ssim={}, id_gt={}, acc={}, miou={}, attributes_prompt={}, detail={}
)
score_after_steps = [1, 5]
training = "M then T"
targets = "paper"  # M towards I^gt, T towards I^d_0, identity towards I^gt
sampling = dict(seed=0, captions=1, source="trajectory")
cache = dict(max_gb=0.0)
lr = 4e-3
lr_modulation = 5e-4
mapping_fraction = 0.85
schedule = dict(
    iterations=1200,
    batch=8,
    precision="bf16",
    warmup=20,
    decay="cosine",
    clip=5.0,
    log_every=10,
    save_every=200,
    pictures_every=200,
)
