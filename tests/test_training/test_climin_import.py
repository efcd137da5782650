"""climin imports without a warning, and nothing is left behind."""

import os
import subprocess
import sys
from itertools import islice

import numpy as np
import pytest

from breze_like.training import climin_import
from breze_like.training.climin_import import RmsProp


def run(source, **environment):
    """Run a program in a new process, with warnings as errors."""
    environment = {**os.environ, **environment}
    subprocess.run([sys.executable, "-W", "error", "-c", source], check=True, env=environment)


@pytest.mark.slow
def test_imports_without_warning(tmp_path):
    run(
        "import sys; from breze_like.training.climin_import import RmsProp; import climin;"
        "assert climin.RmsProp is RmsProp; assert 'imp' not in sys.modules",
        PYTHONPYCACHEPREFIX=str(tmp_path),  # empty: climin is compiled, which warns of escapes
    )


def test_leaves_a_module_imp_and_the_filters_alone():
    run(
        # By its path: importing the package imports PyTensor, which has filters of its own.
        "import runpy, sys, warnings; before = list(warnings.filters);"
        f"sys.modules['imp'] = there = object(); runpy.run_path({climin_import.__file__!r});"
        "assert sys.modules['imp'] is there; assert warnings.filters == before"
    )


@pytest.mark.parametrize("momentum", ["0", "0.9", "0.99"])
def test_rmsprop_iterates(goldens, momentum):
    """The optimiser works on today's NumPy as it did for the original."""
    arrays = goldens("g4_climin_2215b1a.npz")
    matrix, offset = arrays["quad_A"], arrays["quad_b"]
    wrt = arrays["x0"].copy()
    optimiser = RmsProp(
        wrt, lambda x: matrix @ x - offset, step_rate=0.01, decay=0.9, momentum=float(momentum)
    )
    expected = arrays[f"rmsprop_m{momentum}_iterates"]
    steps = [(wrt.copy(), info["gradient"]) for info in islice(optimiser, len(expected))]
    iterates, gradients = map(np.array, zip(*steps, strict=True))
    np.testing.assert_allclose(iterates, expected, rtol=1e-12)
    np.testing.assert_allclose(gradients, arrays[f"rmsprop_m{momentum}_gradients"], rtol=1e-12)
