# Paper scale with MMFace-DiT (flow, 512 px): text and a mask to a 3D face of EG3D at 512 px.
# It needs no ControlNet; with condition="scribble" the same weights take scribbles.
_base_ = "absm_eg3d.py"
name = "absm_eg3d_mmface"
encoder = dict(
    type="MMFaceEncoder",
    weights="mmface-dit-512-flow",
    objective="flow",
    resolution=512,
    groups=2,
    steps=20,
    guidance=7.5,
    precision="bf16",
)
