"""Baselines of gantoolkit's benchmark. There are no hooks; registry.yaml says what is offered."""
