"""What only makes CPUs fast: convolutions of frozen weights by Winograd's sums or oneDNN's own order."""
