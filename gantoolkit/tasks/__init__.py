"""What `gantoolkit run` can train, one folder for each family.

bridge/       M and T between a frozen encoder and a frozen generator
gan/          generators, their mapping networks, W+ inversion
diffusion/    the autoencoder, the denoising U-Net, ControlNets
recognition/  parser, ArcFace, text and image towers, the judge
"""
