# W+ inversion of the validation photographs in the embedded stylegan2: the ceiling of bridges.
# Its record is zoo/records/ceiling_stylegan2.json (registry.yaml, weights.stylegan2.ceiling).
_base_ = "./ceiling_eg3d.py"
name = "ceiling_stylegan2"
generator = "stylegan2"
