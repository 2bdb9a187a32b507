# Table 2 (a): M alone.
_base_ = "../_base_/mini.py"
bridge = dict(type="Mapping", width=384, normalize=True)
training = "M only"
