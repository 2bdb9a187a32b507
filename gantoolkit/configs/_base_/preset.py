# The presets: a small M that reads every f^n, without T; 0.9 MB each.
# It learns the codes of I^d_0 that an encoder of faces reads, and renders nothing.
bridge = dict(_delete_=True, type="Mapping", width=96, normalize=True, pyramid=36)
losses = dict(_delete_=True, target=dict(type="TargetCode", network="eg3d-encoder"))
training = "M only"
# sharper, and nearer to the prompt, than towards I^gt, where w is a mean of what it leaves open
targets = "x0"
lr = 2e-3
schedule = dict(iterations=2000, batch=64)
cache = dict(max_gb=3.0)
