# The embedded 2D generator's mapping network, taught by the codes that the encoder of pretrain/stylegan2.py reads
# off faces. Synthesis stays as it is. About 7 minutes on one core. Writes export/stylegan2.safetensors.
task = "codes"
name = "stylegan2_codes"
seed = 0
data = "zoo-train"
run = "runs/stylegan2"
schedule = dict(iterations=12000, batch=128, decay="cosine", log_every=200, save_every=3000, validate_every=3000)
