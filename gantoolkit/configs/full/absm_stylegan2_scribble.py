# Paper scale: text and a scribble to a 2D face, with the published scribble ControlNet.
_base_ = ["../_base_/mini.py", "../_base_/full.py"]
name = "absm_stylegan2_scribble_1024"  # of the run folder; the mini config has the other
condition = "scribble"
encoder = dict(controlnet="control_v11p_sd15_scribble", palette=None)
generator = "stylegan2-ffhq"
