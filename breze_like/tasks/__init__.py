"""What a trained model is for: to clean sequences, to complete them, to make new ones, to find odd ones.

All of these take sequences as a list of arrays (n_steps, n_visible) of any lengths. What they give for a
sequence does not depend on those beside it, and is the same for the same random numbers.
"""

from breze_like.tasks.denoising import denoise
from breze_like.tasks.imputation import Draws, impute, impute_draws
from breze_like.tasks.outliers import OutlierScores, outlier_scores
from breze_like.tasks.synthesis import sample

__all__ = [
    "Draws",
    "OutlierScores",
    "denoise",
    "impute",
    "impute_draws",
    "outlier_scores",
    "sample",
]
