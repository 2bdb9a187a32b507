"""Tasks of generators: `gan`, `codes`; codes of faces: `inversion`, `inversion_encoder`."""
