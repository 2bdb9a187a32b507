# An encoder of faces into W+ of the embedded EG3D, which reads codes that bridges take as targets.
# It goes on from the encoder of the generator's own training. About 20 minutes on one core.
# Writes export/encoder.safetensors.
task = "inversion_encoder"
name = "eg3d_encoder"
seed = 0
data = "zoo-train"
generator = "runs/eg3d_adversarial_codes/export/eg3d.safetensors"
encoder_from = "runs/eg3d_adversarial"
encoder = dict(type="FaceEncoder")
losses = dict(
    l2=dict(type="L2", weight=1.0),
    lpips=dict(type="Perceptual", weight=0.8, network="parser"),
    identity=dict(type="Identity", weight=0.1, network="arcface"),
)
schedule = dict(
    iterations=600,
    batch=8,
    precision="bf16",
    warmup=50,
    decay="cosine",
    log_every=20,
    save_every=100,
    pictures_every=300,
)
