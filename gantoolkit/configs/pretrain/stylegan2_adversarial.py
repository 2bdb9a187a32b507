# Optional: the 2D generator goes on against a discriminator of pictures, at any resolution.
# Stages: 1. stylegan2 (regression), 2. stylegan2_codes (mapping network), 3. this one:
# 100 iterations of the discriminator alone, then both; the mapping network stays as it is.
# The discriminator reads the parser's features, so no metric may be judged by the parser.
# About 15 images a second on one core at 64 px, 6 at 128 px.
_base_ = "./stylegan2.py"
name = "stylegan2_adversarial"
generator = None  # as `init_from` says
init_from = "runs/stylegan2_codes"
encoder = None
perceptual = None
regress = 0
pairs = 0.0
discriminator = dict(type="ProjectedDiscriminator", network="parser", channels=48)
adversarial = 1.0
lr_discriminator = 1e-3
r1_gamma = 0.0
adversary = dict(
    loss="hinge",
    discriminator_warmup=100,
    lr=3e-4,
    augmentation=dict(color=1.0, translation=0.125),
    truncated=0.33,
    psi=(0.5, 1.2),
    consistency=2.0,
    freeze_mapping=True,
    noise="random",
)
schedule = dict(iterations=6000)
