# One style reference into the zoo's StyleGAN2:
# gantoolkit run configs/stylize.py style=FILE --out runs/marble
task = "stylize"
style = ""  # a picture of a face as the generator frames it, or a folder of such
generator = "stylegan2"
features = "auto"  # the discriminator in the generator's file; else the trunk
trunk = "parser"
pixels = 1.0  # the trunk hardly sees colors; 0.0 with a discriminator, as in the paper
alpha = 1.0
preserve_color = False
inversion = dict(steps=60, anchor=10.0)  # a large anchor: the face of the reference, not its style
freeze = [4, 8]  # the blocks that shape the head
lr = 2e-3
schedule = dict(iterations=120, batch=2, log_every=10, save_every=120, pictures_every=60)
