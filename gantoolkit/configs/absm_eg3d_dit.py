# The main job with a diffusion transformer in place of the U-Net and its ControlNet.
# Needs the export of pretrain/dit.py.
_base_ = ["_base_/mini.py", "_base_/codes.py"]
encoder = dict(
    type="MMFaceEncoder",
    weights="runs/dit/export/dit.safetensors",
    vae="diffusion",
    text="diffusion",
    groups=3,
    steps=10,
    guidance=3.0,
    precision="bf16",
)
generator = "eg3d"
