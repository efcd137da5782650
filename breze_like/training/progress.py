"""How training shows its progress: a bar in a terminal; in files and logs, a line for each validation."""

import sys

from tqdm import tqdm


class Bar(tqdm):
    """A progress bar, on standard error; nothing but lines of validations if that is no terminal.

    Parameters
    ----------
    progress : bool
        Whether to show anything.
    **settings
        Of tqdm.
    """

    def __init__(self, progress, **settings):
        super().__init__(**settings, disable=None if progress else True)  # None: where there is no terminal
        self._writes_lines = progress and self.disable

    def validated(self, text):
        """Say how a validation went."""
        if self._writes_lines:
            print(text, file=sys.stderr, flush=True)
