# The presets: a small M that reads every f^n, without T, trained longer than the default run, towards I^d_0; 0.7 MB each.
bridge = dict(_delete_=True, type="Mapping", width=96, normalize=True, pyramid=36)
training = "M only"
targets = "x0"  # sharper, and nearer to the prompt, than towards I^gt, where w is the mean of all that it leaves open
schedule = dict(iterations=3000)
cache = dict(max_gb=2.0)
