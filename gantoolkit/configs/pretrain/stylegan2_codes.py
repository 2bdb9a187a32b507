# The embedded 2D generator's mapping network, taught by the codes that the encoder of
# pretrain/stylegan2.py reads off faces. Writes export/stylegan2.safetensors.
_base_ = "./eg3d_codes.py"
name = "stylegan2_codes"
run = "runs/stylegan2"
