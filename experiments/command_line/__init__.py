"""What all scripts do alike: a process of their own, single precision, one clear line for what goes wrong."""

import io
import sys
import warnings

import pytensor

from breze_like import prepare_process


def run(main, to_go_on="the same command with --resume goes on"):
    """Run a script's `main`, which takes no arguments, and exit with its status.

    Bad input ends with one line on standard error and status 2, Ctrl-C with status 130 and how `to_go_on`. A
    warning is one line, too. What can't be printed, as names of files that are not UTF-8, is escaped.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    prepare_process()
    pytensor.config.floatX = "float32"
    warnings.formatwarning = lambda message, *_, **__: f"warning: {message}\n"
    try:
        status = main()
    except (ValueError, OSError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        status = 2
    except KeyboardInterrupt:
        print(f"stopped; what is done is saved, {to_go_on}", file=sys.stderr)
        status = 130
    sys.exit(status)
