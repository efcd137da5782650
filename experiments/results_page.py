"""The page about all results on the paper's data sets, from what comes with the project.

    python -m experiments.results_page

It writes experiments/results/README.md and a picture of learning curves for each data set: from the trained
models, the list of trials, and the table of what test sets share with training sets. Nothing is computed
anew, and no data are needed; `experiments.publish`, `trials` and `leakage` add to what it is made of.
"""

from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "results"
