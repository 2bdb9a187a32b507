# The presets: a small M that reads every f^n, without T, towards I^d_0; 0.7 MB each.
bridge = dict(_delete_=True, type="Mapping", width=96, normalize=True, pyramid=36)
training = "M only"
# sharper, and nearer to the prompt, than towards I^gt, where w is a mean of what it leaves open
targets = "x0"
schedule = dict(iterations=3000)
cache = dict(max_gb=2.0)
