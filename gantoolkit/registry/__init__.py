"""What exists, by name: components, weights, data, presets, plugins.

manifest   registry.yaml of the package and of every plugin, read without imports
registry   lazy registries that import a component when its name is first asked for
plugins    loading of plugins' code, each alone
hookspecs  every hook
messages   sentences about names that do not exist
"""
