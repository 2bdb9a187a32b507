"""Tasks `parser`, `identity`, `towers` and `judge`: networks that losses and metrics use."""
