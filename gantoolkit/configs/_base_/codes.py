# Beyond the paper: w is compared with the code that an encoder of faces reads off the target.
# For most of each phase nothing is rendered, which is cheap, so T has a larger share
# (docs/method.md).
losses = dict(
    code=dict(weight=0.0005),
    target=dict(type="TargetCode", weight=10.0, network="eg3d-encoder"),
)
code_fraction = 0.85
lr_modulation = 2e-3
mapping_fraction = 0.6
schedule = dict(batch=16)
