"""What kernels are told by number."""

SAMPLE, MODE, MEAN = range(3)  # how NADE chooses a key's value
