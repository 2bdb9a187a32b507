# Table 2 (a): M alone.
_base_ = "../_base_/mini.py"
bridge = dict(type="Mapping")
training = "M only"
