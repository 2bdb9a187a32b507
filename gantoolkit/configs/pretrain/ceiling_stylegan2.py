# W+ inversion of the validation photographs in the embedded stylegan2: the ceiling that bridge runs quote.
# Its record is kept as zoo/records/ceiling_stylegan2.json (registry.yaml, weights.stylegan2.ceiling).
_base_ = "./ceiling_eg3d.py"
name = "ceiling_stylegan2"
generator = "stylegan2"
