# Table 2 (b): M and T, but T sees no attention maps (A = 1, Ā = 1).
_base_ = "../_base_/mini.py"
bridge = dict(type="AbSM", attention="none")
