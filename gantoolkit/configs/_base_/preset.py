# The presets: a small M that reads every f^n, without T, trained longer than the default run; 0.7 MB each.
bridge = dict(_delete_=True, type="Mapping", width=96, normalise=True, pyramid=36)
training = "M only"
schedule = dict(iterations=2000)
cache = dict(max_gb=2.0)
