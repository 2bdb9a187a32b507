"""The plugin `myplugin` of gantoolkit.

Keep this file free of imports: it is read before anything is used.
"""
