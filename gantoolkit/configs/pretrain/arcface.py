# The identity network of the losses: a small IR-SE ArcFace with 128 numbers per face.
# about 20 minutes on one core. A batch holds two pictures of each person.
# Writes export/arcface.safetensors and export/arcface.onnx (for insightface).
task = "identity"
name = "arcface"
seed = 1
data = "zoo-train"
network = dict(
    units=((16, 1), (32, 1), (64, 2), (96, 2), (128, 2)),
    embedding=128,
    size=96,
    crop=(128, 16, 112, 16, 112),
)  # the middle of the picture: face without most of the hair
lr = 2e-3
schedule = dict(
    iterations=1200,
    batch=40,
    precision="bf16",
    warmup=50,
    decay="cosine",
    clip=5.0,
    log_every=20,
    save_every=400,
)
