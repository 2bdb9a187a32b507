"""Tasks `parser`, `arcface`, `towers` and `judge`: networks that losses and metrics use."""
