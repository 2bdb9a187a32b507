"""What exists, by name: registry.yaml of the package and of plugins, and hooks.

manifest   the index, read without importing anything
registry   import of components on demand
plugins    import of plugins and their hooks
hookspecs  every hook
messages   answers to names that do not exist, or not any more
"""
