"""Task `bridge`: the method's training (paper, section 3.4)."""
