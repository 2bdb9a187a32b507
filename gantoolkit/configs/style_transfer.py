# Figure 10: a prompt such as "a marble statue of …" and a mask to a 3D statue by the GAN of photos.
# I^d_0 takes the place of I^gt in every term, so neither the GAN nor a loss ever sees a statue.
# Before it, as docs/figures.md says: render the prompts' data, then run
# configs/pretrain/diffusion_marble.py.
_base_ = "_base_/mini.py"
data = dict(train="marble.zip", val="marble-val.zip", train_limit=None, val_limit=None)
encoder = dict(weights="runs/diffusion_marble/export")
generator = "eg3d"
targets = "x0"
score_target = "x0"
metrics = dict(
    _delete_=True, lpips={}, ms_ssim={}
)  # likeness to I^d_0; parser and recogniser know no statues
score_after_steps = []
schedule = dict(iterations=600)
