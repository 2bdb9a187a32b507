# The embedded 3D generator's adversarial stage; the stages are those of stylegan2_adversarial.py.
# Consistency with the regressed generator, of depth too, keeps its geometry.
_base_ = ["./eg3d.py", "../_base_/adversarial.py"]
name = "eg3d_adversarial"
init_from = "runs/eg3d_codes"
encoder_from = "runs/eg3d"
adversary = dict(depth_consistency=1.0)
schedule = dict(iterations=2000)
