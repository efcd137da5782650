"""Machine code that XLA calls on CPUs, compiled by Numba and kept in its cache: no C compiler is needed.

    pt.grad ───> a `Loop` in the graph      which has made its `native` by `kernel(name, *settings)`
                    │ JAX traces it
                    v
    xla.py ····· custom_call                arrays as the kernel's plan has them; how many tasks there are
                    │ XLA runs it
                    v
    dispatch.py  handle ───> tasks          on XLA's threads (threads.py), since they share nothing that they
                    │                       write: those of one stage, then those of the next, which may add
                    │                       up their results
                    v
    NAME_tasks.py                           which part of which array is whose, read by call_frame.py
    NAME.py ···· arithmetic                 of a part, with functions.py and products.py

A new kernel needs the last two of these files, and a line in `xla.KERNELS`. Kernels that are not in the cache
are compiled by separate processes (ahead.py), which start as soon as a graph with them is to be compiled.
"""


def kernel(name, *settings):
    """A maker of the function of JAX arrays that calls a kernel, or of None where XLA can't call any.

    Parameters
    ----------
    name : str
        One of `xla.KERNELS`.
    *settings : int
        What the kernel's plan and its tasks know besides the arrays.

    Returns
    -------
    callable
        Without arguments; see `native` of `Loop`.
    """

    def make():
        from breze_like.native import xla  # Numba takes a second to load

        return xla.custom_call(name, settings) if xla.supported() else None

    return make
