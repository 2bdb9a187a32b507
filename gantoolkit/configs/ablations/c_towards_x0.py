# Table 2 (c): M and T both towards I^d_0, in every term.
_base_ = "../_base_/mini.py"
targets = "x0"
