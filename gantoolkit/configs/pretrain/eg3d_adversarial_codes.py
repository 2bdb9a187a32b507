# The embedded generator's last stage: the mapping network once more, to the codes that the encoder
# reads after pretrain/eg3d_adversarial.py. Writes export/eg3d.safetensors.
_base_ = "./eg3d_codes.py"
name = "eg3d_adversarial_codes"
run = "runs/eg3d_adversarial"
