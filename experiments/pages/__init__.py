"""HTML pages: their parts, and the sections of the pages that scripts write."""
