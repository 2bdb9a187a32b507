# Paper scale with MMFace-DiT (flow, 512 px) in place of SD 1.5 and its ControlNet: text and a mask
# to a 3D face of EG3D. It needs no ControlNet of its own; condition="scribble" takes scribbles.
_base_ = "absm_eg3d.py"
name = "absm_eg3d_mmface_512"
encoder = dict(
    _delete_=True,
    type="MMFaceEncoder",
    weights="mmface-dit-512-flow",
    objective="flow",
    resolution=512,
    groups=2,
    steps=20,
    guidance=7.5,
    precision="bf16",
)
