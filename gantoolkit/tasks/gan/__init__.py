"""Tasks `gan`, `codes` and `inversion`: generators, the distribution of their codes, codes of photographs."""
