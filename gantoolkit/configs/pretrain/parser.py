# The face parser of the losses; its encoder is the perceptual trunk `perceptual[parser]`.
# 0.72 M parameters, about 40 minutes on one core. Writes export/parser.safetensors.
task = "parser"
name = "parser"
seed = 0
data = "zoo-train"
network = dict(widths=(16, 48, 96, 128))
lr = 3e-3
schedule = dict(
    iterations=1200,
    batch=32,
    precision="bf16",
    warmup=50,
    decay="cosine",
    clip=5.0,
    log_every=20,
    save_every=100,
    pictures_every=500,
)
