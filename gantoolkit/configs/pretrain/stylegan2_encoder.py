# An encoder of faces into W+ of the embedded StyleGAN2; see pretrain/eg3d_encoder.py.
_base_ = "./eg3d_encoder.py"
name = "stylegan2_encoder"
generator = "runs/stylegan2_adversarial_codes/export/stylegan2.safetensors"
encoder_from = "runs/stylegan2_adversarial"
