"""HTML pages: their parts, and the sections of those that scripts write."""
