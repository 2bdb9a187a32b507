"""Bridges: Features → Latent, the codes of a frozen generator. The task `bridge` trains them.

mapping    network M: w^m from h
absm       networks M and T: w = w^m ⊙ w^γ + w^β
attention  Ā: where the U-Net looks for the words of a prompt
layers     what M and T are made of

Every bridge is an nn.Module with these methods:

    forward(features, mapping_only=False) → Latent: ws [B,num_ws,w_dim] and its parts;
                             with `mapping_only`, ws = w^m
    mapping_parameters()     those of M, trained by Eq. 6 with `mapping_only`
    modulation_parameters()  those of T, trained by Eq. 7; none where there is no T

and may have these attributes:

    reads_f                  whether w^m needs f too; else phase M gets only h
    mapping                  M as a bridge of its own, to render w^m in place of w

A bridge that says `detach = False` lets gradients of w reach w^m; then Eq. 7 trains M too.

The constructor gets `feature_shapes` of the encoder, and `num_ws`, `w_dim` and `mean_w` [w_dim] of
the generator, beside what a config says.
"""
