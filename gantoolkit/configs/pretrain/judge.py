# The judge of all metrics: a ConvNeXt-like trunk, heads for parsing, identity, attributes, text.
# Its people, seed and architecture occur in no loss. 2 M parameters, some 70 minutes of one core
# at 128 px.
# A batch holds two pictures of each person. Writes export/judge.safetensors.
task = "judge"
name = "judge"
seed = 101
data = "judge-train"
network = dict(widths=(32, 96, 160, 256), depths=(1, 2, 2, 1), parse_stride=4, places=True)
lr = 2e-3
schedule = dict(
    iterations=1600,
    batch=20,
    precision="bf16",
    warmup=100,
    decay="cosine",
    clip=5.0,
    log_every=20,
    save_every=100,
)
