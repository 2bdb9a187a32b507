"""Configs: Python text with a base, overridden by key=value, checked before anything loads.

loader        find, execute, merge, override
lines         where in a file a key is set
validate      strict checks against signatures, without imports
components    the components of a config, and their checks
value_types   which values an annotation and a name allow
plain_values  values that JSON gives back unchanged
signature     constructor arguments, read from source text
docstrings    what docstrings say of single arguments
"""
