"""Tasks `gan`, `codes` and `inversion`: generators, the distribution of their codes, W+ codes of photographs."""
