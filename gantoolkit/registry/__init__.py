"""What exists, by name: registry.yaml of the package and of plugins, and hooks.

manifest   the index, read without importing anything
discovery  plugins that are installed or named, found without importing them
content    what a registry.yaml may say
hub_cache  where huggingface_hub keeps a repository
registry   import of components on demand
contracts  what a component of each kind must have
plugins    import of plugins and their hooks
guards     a failing hook is reported under its plugin's name
hookspecs  every hook
messages   answers to names that do not exist, or not any more
"""
