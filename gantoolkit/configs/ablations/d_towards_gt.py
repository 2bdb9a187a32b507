# Table 2 (d): M and T both towards I^gt, in every term.
_base_ = "../_base_/mini.py"
targets = "gt"
