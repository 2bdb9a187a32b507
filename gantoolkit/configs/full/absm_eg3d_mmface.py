# Paper scale with MMFace-DiT (flow, 512 px) in place of SD 1.5 and its ControlNet: text and a mask
# to a 3D face of EG3D. With condition="scribble" the same weights take scribbles.
_base_ = ["../_base_/mini.py", "../_base_/full.py"]
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
generator = "eg3d-ffhq"
data = dict(
    train="data/celebamask-hq-eg3d/train.zip", val="data/celebamask-hq-eg3d/pairs.zip"
)  # EG3D's crop
losses = dict(identity=dict(crop="eg3d"))
