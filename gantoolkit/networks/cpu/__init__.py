"""What only makes CPUs fast; `conv` is the entrance.

conv          every convolution of the networks, by the fastest way that fits
weight_cache  what is made of a frozen weight, until the weight changes
onednn        weights in oneDNN's own memory layout
"""
