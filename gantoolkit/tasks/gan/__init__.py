"""Tasks `gan`, `codes`, `inversion`: generators, codes for them, and W+ of photographs."""
