"""What only makes CPUs fast; `conv` and `group_norm` are the entrances.

conv          every convolution of the networks, by the fastest way that fits
group_norm    group normalization of maps in channels last
weight_cache  what is made of a frozen weight, until the weight changes
onednn        weights in oneDNN's own memory layout
"""
