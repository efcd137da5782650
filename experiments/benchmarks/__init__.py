"""The benchmark: systems that do the same work, each in a separate process, and its time and memory."""
