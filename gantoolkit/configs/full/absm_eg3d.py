# Paper scale: text and a semantic mask to a 3D face of EG3D at 512 px.
_base_ = ["../_base_/mini.py", "../_base_/full.py"]
name = "absm_eg3d_512"  # of the run folder; the mini config has the other
generator = "eg3d-ffhq"
data = dict(
    train="data/celebamask-hq-eg3d/train.zip", val="data/celebamask-hq-eg3d/pairs.zip"
)  # EG3D's crop
losses = dict(identity=dict(crop="eg3d"))
