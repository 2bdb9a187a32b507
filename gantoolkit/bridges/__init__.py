"""Bridges: Features → Latent, the codes of a frozen generator. The nn.Modules that the task `bridge` trains offer:

    forward(features, mapping_only=False) → Latent: ws [B,num_ws,w_dim] and its parts; `mapping_only`: ws = w^m
    mapping_parameters()       those of M, trained by Eq. 6 with `mapping_only`
    modulation_parameters()    those of T, trained by Eq. 7; none where there is no T
    reads_f                    whether w^m needs f too (optional); else M's turn gets features of h alone
    mapping                    M as a bridge of its own (optional), to draw w^m in the place of w

One that says `detach = False` lets gradients of w through to w^m, and Eq. 7 trains M too. Constructors get
feature_shapes of the encoder and num_ws, w_dim and mean_w [w_dim] of the generator beside what a config says.

    mapping    M alone        absm    M and T        layers    what both are made of
"""
