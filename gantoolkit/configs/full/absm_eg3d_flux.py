# Paper scale with FLUX.1-dev: text and a scribble to a 3D face of EG3D at 512 px.
# Its published ControlNets know edges, not masks of faces (docs/encoders.md).
_base_ = "absm_eg3d_scribble.py"
name = "absm_eg3d_flux"
encoder = dict(
    _delete_=True,
    type="FluxEncoder",
    weights="FLUX.1-dev",
    controlnet="FLUX.1-dev-ControlNet-Union-Pro-2.0",
    condition="scribble",
    resolution=512,
    groups=2,
    steps=20,
    guidance=3.5,
    precision="bf16",
    offload=True,
)
