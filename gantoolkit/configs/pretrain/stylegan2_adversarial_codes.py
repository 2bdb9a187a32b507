# The embedded generator's last stage: the mapping network once more, to the codes that the encoder
# reads after pretrain/stylegan2_adversarial.py. Writes export/stylegan2.safetensors.
_base_ = "./eg3d_codes.py"
name = "stylegan2_adversarial_codes"
run = "runs/stylegan2_adversarial"
