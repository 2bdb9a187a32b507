# Paper scale with Stable Diffusion 3.5-large: text and a scribble to a 3D face of EG3D at 512 px.
# Its published ControlNets know edges, not masks of faces (docs/encoders.md).
_base_ = "absm_eg3d_scribble.py"
name = "absm_eg3d_sd35"
encoder = dict(
    _delete_=True,
    type="SD3Encoder",
    weights="stable-diffusion-3.5-large",
    controlnet="stable-diffusion-3.5-large-controlnet-canny",
    condition="scribble",
    resolution=512,
    groups=2,
    steps=20,
    guidance=4.5,
    precision="bf16",
    offload=True,
)
