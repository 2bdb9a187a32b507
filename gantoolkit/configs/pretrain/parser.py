# The face parser of the losses; its encoder is the perceptual trunk `perceptual[parser]`.
# 0.72 M parameters, about 6 minutes on 2 cores. Writes export/parser.safetensors.
task = "parser"
name = "parser"
seed = 0
data = "zoo-train"
network = dict(widths=(16, 48, 96, 128))
lr = 3e-3
schedule = dict(
    iterations=800,
    batch=32,
    precision="bf16",
    warmup=50,
    decay="cosine",
    clip=5.0,
    log_every=20,
    save_every=500,
    pictures_every=500,
)
