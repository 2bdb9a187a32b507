# Paper scale: text and a scribble to a 3D face, with the published scribble ControlNet.
_base_ = ["../_base_/mini.py", "../_base_/full.py"]
name = "absm_eg3d_scribble_512"  # of the run folder; the mini config has the other
condition = "scribble"
encoder = dict(controlnet="control_v11p_sd15_scribble", palette=None)
generator = "eg3d-ffhq"
data = dict(
    train="data/celebamask-hq-eg3d/train.zip", val="data/celebamask-hq-eg3d/pairs.zip"
)  # EG3D's crop
losses = dict(identity=dict(crop="eg3d"))
