# Text and image towers with a tokenizer of at most 1,000 tokens.
# The text tower conditions the diffusion model.
# About 6 minutes on 2 cores. Writes export/towers/{text_encoder,tokenizer,towers.safetensors}.
task = "towers"
name = "towers"
seed = 2
data = "zoo-train"
vocab_size = 1000
max_length = 64
width = 96
layers = 4
heads = 4
lr = 1e-3
schedule = dict(
    iterations=500,
    batch=128,
    precision="bf16",
    warmup=50,
    decay="cosine",
    clip=1.0,
    log_every=20,
    save_every=350,
)
