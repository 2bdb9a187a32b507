# Table 2 (e): the full method, by images only as in the paper.
_base_ = "../_base_/mini.py"
targets = "paper"
