# TediGAN-style (ours, mini): masks into the W+ space of the zoo's StyleGAN2, with pSp's losses.
task = "code_encoder"
data = "bridge-train"
val = "val"
generator = "stylegan2"
losses = dict(
    l2=dict(type="L2", weight=1.0),
    lpips=dict(type="Perceptual", weight=0.8, network="parser"),
    code=dict(type="LatentNorm", weight=0.005),
)
lr = 1e-3
schedule = dict(
    iterations=2400, batch=8, precision="bf16", warmup=20, decay="cosine", clip=5.0, log_every=10
)
