# The 3D generator goes on against a discriminator of pictures; see stylegan2_adversarial.py.
# Stages: 1. eg3d (regression), 2. eg3d_codes (mapping network), 3. this one, 4. the mapping network
# again. Consistency with the regressed generator, of depth too, keeps its geometry.
_base_ = "./eg3d.py"
name = "eg3d_adversarial"
generator = None  # as `init_from` says
init_from = "runs/eg3d_codes"
encoder_from = "runs/eg3d"
regress = 0
pairs = 1.0
feature_matching = 0.0
discriminator = dict(type="PatchDiscriminator")
adversarial = 0.3
lr_discriminator = 5e-4
r1_gamma = 1.0
r1_interval = 8
adversary = dict(
    loss="rpgan",
    r2_gamma=1.0,
    discriminator_warmup=100,
    lr=5e-4,
    augmentation=dict(color=1.0, translation=0.125),
    truncated=0.33,
    psi=(0.5, 1.2),
    consistency=4.0,
    consistency_size=32,
    depth_consistency=1.0,
    freeze_mapping=True,
    noise="random",
)
schedule = dict(iterations=12000)
