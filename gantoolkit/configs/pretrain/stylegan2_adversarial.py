# The embedded 2D generator's adversarial stage.
# Stages: 1. stylegan2 (regression), 2. stylegan2_codes (mapping network), 3. this one,
# 4. stylegan2_adversarial_codes (the mapping network again, to the encoder's new codes).
_base_ = ["./stylegan2.py", "../_base_/adversarial.py"]
name = "stylegan2_adversarial"
init_from = "runs/stylegan2_codes"
encoder_from = "runs/stylegan2"
schedule = dict(iterations=1200)
