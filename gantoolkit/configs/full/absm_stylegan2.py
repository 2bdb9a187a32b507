# Paper scale: text and a semantic mask to a 2D face of StyleGAN2 at 1024 px.
_base_ = ["../_base_/mini.py", "../_base_/full.py"]
name = "absm_stylegan2_1024"  # of the run folder; the mini config has the other
generator = "stylegan2-ffhq"
