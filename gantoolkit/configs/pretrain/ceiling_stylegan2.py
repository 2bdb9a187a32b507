# W+ inversion of the validation photographs in the embedded stylegan2: the ceiling that bridge runs quote.
# Its record.json becomes zoo/records/stylegan2.json (registry.yaml, weights.stylegan2.ceiling).
task = "inversion"
name = "ceiling_stylegan2"
data = "val"
limit = 200
generator = "stylegan2"
losses = dict(
    l2=dict(type="L2", weight=1.0),
    lpips=dict(type="Perceptual", weight=0.8, network="parser"),
    identity=dict(type="Identity", weight=0.1, network="arcface"),
    code=dict(type="LatentNorm", weight=0.0005))
lr = 0.05
schedule = dict(iterations=1600, batch=25, precision="bf16", decay="cosine", log_every=40, save_every=400)
