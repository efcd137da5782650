"""What all scripts have in common: a separate process, single precision, one clear line for each error."""

import io
import signal
import sys
import warnings

from experiments.command_line import interrupts


def warn_in_one_line():
    """Have warnings say what they have to say, and not where in the code."""
    warnings.formatwarning = lambda message, *_, **__: f"warning: {message}\n"


def run(main, when_stopped):
    """Run a script's `main`, which takes no arguments, and exit with its status.

    Bad input ends with one line on standard error and status 2, a training that diverged with one line and
    status 1. Ctrl-C ends with status 130, SIGTERM with 143, and both print `when_stopped`: what is kept, and
    how to continue; if that depends on the options, call `stopping`. A warning is one line, too. What can't
    be printed, such as names of files that are not UTF-8, is escaped.
    """
    stopping(when_stopped)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    # Now that Ctrl-C has something to say: these take seconds.
    import pytensor

    from breze_like import prepare_process
    from breze_like.training import TrainingDiverged

    prepare_process()
    pytensor.config.floatX = "float32"
    warn_in_one_line()
    try:
        status = main()
    except (ValueError, OSError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        status = 2
    except TrainingDiverged as error:
        print(f"error: training diverged: {' '.join(str(error).split())}", file=sys.stderr)
        status = 1
    except KeyboardInterrupt as error:
        number = (error.args or (signal.SIGINT,))[0]
        if interrupts.installed:  # the interpreter's shutdown would fail beside what XLA's threads still do
            interrupts.end(number)
        print(interrupts.text, file=sys.stderr)
        status = 128 + number
    interrupts.finish()
    sys.exit(status)


def stopping(text):
    """From now on, say this when the script is stopped."""
    interrupts.text = f"stopped; {text}"
