# The embedded 3D generator's mapping network, taught by the codes that the encoder of
# pretrain/eg3d.py reads off faces. The synthesis network stays as it is.
# About 7 minutes on one core. Writes export/eg3d.safetensors.
task = "codes"
name = "eg3d_codes"
seed = 0
data = "zoo-train"
run = "runs/eg3d"
schedule = dict(
    iterations=12000, batch=128, decay="cosine", log_every=200, save_every=3000, validate_every=3000
)
