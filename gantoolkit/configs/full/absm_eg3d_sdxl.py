# Paper scale with Stable Diffusion XL: text and a mask to a 3D face of EG3D at 512 px.
# One ControlNet-Union takes masks and scribbles (docs/encoders.md).
_base_ = "absm_eg3d.py"
name = "absm_eg3d_sdxl"
encoder = dict(
    _delete_=True,
    type="SDXLEncoder",
    weights="stable-diffusion-xl-base-1.0",
    controlnet="controlnet-union-sdxl-1.0",
    condition="mask",
    palette="celebamask",
    resolution=512,
    steps=20,
    guidance=5.0,
    precision="bf16",
)
