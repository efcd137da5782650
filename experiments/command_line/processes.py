"""What processes that scripts start have in common."""

# One thread of the BLAS is the fastest for matrices of these sizes; and all of them share a GPU's memory.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
