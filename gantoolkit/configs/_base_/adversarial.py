# The adversarial stage of the embedded generators: they go on against a discriminator of pictures.
# Half of a batch are faces that the encoder reads codes off: they are compared with what is drawn
# of these codes, and keep eyes and mouths in their places. The others are fresh codes, a third of
# them truncated. The discriminator alone begins, for 100 iterations.
# The perceptual loss reads the parser: it may judge no metric.
generator = None  # as `init_from` says
regress = 0
pairs = 1.0
feature_matching = 0.0
discriminator = dict(type="PatchDiscriminator")
adversarial = 0.1
lr_discriminator = 1e-3
r1_gamma = 1.0
r1_interval = 8
adversary = dict(
    loss="rpgan",
    r2_gamma=1.0,
    discriminator_warmup=100,
    lr=1e-3,
    augmentation=dict(color=1.0, translation=0.125),
    truncated=0.33,
    psi=(0.5, 1.2),
    consistency=4.0,
    consistency_size=32,
    freeze_mapping=True,
    noise="none",  # learnt noise becomes grain and dots on the skin
)
schedule = dict(batch=8, decay="cosine")
