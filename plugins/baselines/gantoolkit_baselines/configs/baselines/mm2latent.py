# MM2Latent-style (ours, mini): prompts and masks to one code w of the zoo's StyleGAN2, learned from
# random codes. At 64 px an iteration takes 0.6 s of one core. Needs the export of
# pretrain/towers.py.
task = "mm2latent"
data = "bridge-train"
val = "val"
generator = "stylegan2"
towers = "runs/towers/export/towers"
parser = "parser"
lr = 1e-3
schedule = dict(
    iterations=5000, batch=16, precision="bf16", warmup=50, decay="cosine", clip=5.0, log_every=20
)
