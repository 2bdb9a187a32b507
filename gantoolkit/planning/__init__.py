"""`gantoolkit run CONFIG --dry-run`: what a run will need, before anything is fetched.

dry_run      parameters, memory per process, cache size
plan         what a dry run found, and how it is printed
peak_memory  memory at its peak, counted tensor by tensor
meta_models  generators and losses on the meta device
"""
