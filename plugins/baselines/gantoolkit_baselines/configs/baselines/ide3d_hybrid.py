# IDE-3D-style (ours, mini): masks to geometry, photos to appearance, semantics on the planes of
# the zoo's EG3D.
task = "code_encoder"
data = "bridge-train"
val = "val"
generator = "eg3d"
geometry = 6  # of 10 codes
semantics = 0.5
losses = dict(
    l2=dict(type="L2", weight=1.0),
    lpips=dict(type="Perceptual", weight=0.8, network="parser"),
    identity=dict(type="Identity", weight=0.1, network="arcface"),
    code=dict(type="LatentNorm", weight=0.005),
)
lr = 1e-3
schedule = dict(
    iterations=2400, batch=8, precision="bf16", warmup=20, decay="cosine", clip=5.0, log_every=10
)
