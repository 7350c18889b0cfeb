"""Studies of papers on the core: each function runs one experiment and returns its numbers."""
