"""Tasks `gan`, `codes`, `inversion`: generators, the codes that they are given, W+ of photographs."""
