"""Systems of the paper's tables: how they are trained and scored, and how the numbers are written."""
