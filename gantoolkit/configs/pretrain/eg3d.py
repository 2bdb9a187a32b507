# The embedded 3D generator: EG3D at 128 px, w_dim 128, planes 3 × 16 × 64², 32² rays, 8X.
# Taught through an encoder of another view of the face; adversarial too after `regress` iterations.
task = "gan"
name = "eg3d"
seed = 0
data = "zoo-train"
generator = dict(
    type="EG3D",
    w_dim=128,
    c_dim=0,
    channel_base=4096,
    channel_max=192,
    mapping_layers=2,
    mapping_lr_mul=1.0,
    mapping_features=256,
    plane_resolution=64,
    plane_channels=16,
    plane_axes="fixed",
    decoder_hidden=48,
    decoder_channels=16,
    rays=32,
    samples=14,
    importance=0,
    superresolution="8X",
    sr_input=32,
    sr_channels=(64, 32),
    sr_clamp=None,
)
encoder = dict(type="FaceEncoder")
perceptual = dict(type="Perceptual", network="parser")
discriminator = dict(type="DualDiscriminator", channel_base=2048, channel_max=128, mapping_layers=2)
regress = 4800
schedule = dict(
    iterations=4800,
    batch=8,
    precision="bf16",
    warmup=50,
    log_every=20,
    save_every=100,
    validate_every=300,
)
