"""Batch normalization of a frozen network, folded into the convolution before it."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def fold_batch_norms(network: nn.Module) -> nn.Module:
    """Fold batch norms that follow a convolution in a Sequential into it; returns the network.

    The network is frozen and laid out channels last. Results are the same up to rounding.

    >>> network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.SiLU()).eval()
    >>> fold_batch_norms(network)[1]
    Identity()
    """
    for module in network.modules():
        if isinstance(module, nn.Sequential):
            _fold_sequence(module)
    network.requires_grad_(False)
    return network.to(memory_format=torch.channels_last)


def _fold_sequence(sequence: nn.Sequential) -> None:
    for index in range(len(sequence) - 1):
        conv, norm = sequence[index], sequence[index + 1]
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            sequence[index] = fuse_conv_bn_eval(conv, norm)
            sequence[index + 1] = nn.Identity()
