"""The benchmark: systems that do the same work, each in a process of its own, and what they take."""
