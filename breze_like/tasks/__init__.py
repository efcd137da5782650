"""What a trained model is for: cleaning sequences, completing them, making new ones, finding unusual ones.

All of these take sequences as a list of arrays (n_steps, n_visible) of any lengths. The result for a sequence
does not depend on the other sequences, and is the same for the same random numbers.
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
