# Table 2 (e): the full method; the same run as configs/absm_eg3d.py.
_base_ = "../_base_/mini.py"
targets = "paper"
