"""`gantoolkit run CONFIG --dry-run`: what a run will need, before anything is fetched.

dry_run          the plan of a config, printed
plan             what a run needs, and how that is printed
plan_bridge      a `bridge` config
plan_controlnet  a `controlnet` config
peak_memory      memory at its peak, counted tensor by tensor
meta_models      generators and losses on the meta device
"""
