# W+ inversion of the validation photographs in the embedded eg3d: the ceiling of bridges.
# Its record is kept as zoo/records/ceiling_eg3d.json (registry.yaml, weights.eg3d.ceiling).
task = "inversion"
name = "ceiling_eg3d"
data = "val"
limit = 200
generator = "eg3d"
losses = dict(
    l2=dict(type="L2", weight=1.0),
    lpips=dict(type="Perceptual", weight=0.8, network="parser"),
    identity=dict(type="Identity", weight=0.1, network="arcface"),
    code=dict(type="LatentNorm", weight=0.0005),
)
lr = 0.1
schedule = dict(
    iterations=480, batch=25, precision="bf16", decay="cosine", log_every=40, save_every=120
)
