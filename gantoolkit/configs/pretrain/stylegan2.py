# The embedded 2D generator: StyleGAN2 at 128 px, w_dim 128, 2.6 M parameters.
# Taught through an encoder of the face; adversarial too after `regress` iterations.
task = "gan"
name = "stylegan2"
seed = 0
data = "zoo-train"
generator = dict(
    type="StyleGAN2",
    w_dim=128,
    channel_base=4096,
    channel_max=192,
    mapping_layers=2,
    mapping_lr_mul=1.0,
    mapping_features=256,
)
encoder = dict(type="FaceEncoder")
perceptual = dict(type="Perceptual", network="parser")
discriminator = dict(type="Discriminator", channel_base=2048, channel_max=128)
regress = 3400
schedule = dict(
    iterations=3400,
    batch=16,
    precision="bf16",
    warmup=50,
    log_every=20,
    save_every=100,
    validate_every=300,
)
