# Collaborative Diffusion (ours, mini): influence maps between the zoo's text and mask models.
task = "collaborative"
data = "bridge-train"
val = "val"
diffusion = "diffusion"
controlnet = "controlnet-mask"
lr = 1e-3
schedule = dict(iterations=600, batch=16, warmup=20, decay="cosine", clip=1.0, log_every=20)
