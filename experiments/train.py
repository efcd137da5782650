"""Train a model on a data set.

    python -m experiments.train --model vrae --dataset chorales --out runs/first
    python -m experiments.train --out runs/first --resume

Ctrl-C saves and stops; the second command then continues, to the same numbers as without the interruption. On
the chorales and the paper's data sets, flags that are not given have the values that `experiments.table1`
uses. A flag that the chosen model does not use is an error.
"""

import shlex

import numpy as np

from breze_like import data
from breze_like.trained import find_data
from experiments import command_line
from experiments.command_line.arguments import parse
from experiments.command_line.commands import script
from experiments.command_line.tables import numbers
from experiments.paper import collapse, train_flags
from experiments.paper.averages import average_text
from experiments.paper.experiment import train, validation_chunks
from experiments.paper.scoring import score
from experiments.paper.train_config import check_effects, check_given, make_config
from experiments.paper.train_defaults import fill, stored_config


def make_parser():
    return train_flags.make_parser(__doc__.splitlines()[0])


def main(arguments=None):
    parser = make_parser()
    options = parse(parser, arguments)
    stored = stored_config(options)
    options.model = options.model or (stored and stored["model"])
    if options.model is None:
        parser.error("--model must be given for a new run")
    check_given(options)
    if stored and "data" in stored and "dataset" not in options.given:
        dataset = find_data(stored["data"], options.out, options.data_dir)
    else:
        dataset = data.load(options.dataset, options.data_dir)
    system = fill(options, dataset)
    config = make_config(options, dataset)
    check_effects(options, config)
    run, model = train(config, dataset, options.out, options.resume, not options.quiet)
    scores = score(model, validation_chunks(dataset, config), n_samples=0)
    texts = numbers([average_text(kept, "per_step", 3) for kept in scores.values()])
    if dataset.has_missing:
        share = np.mean(np.isnan(np.concatenate(dataset.train)))
        print(
            f"missing: {100 * share:.3g} % of the training set (--missing {config['arguments']['missing']})"
        )
    for name, text in zip(scores, texts, strict=True):
        print(f"{name:20s} {text} nats per time step on the validation set")
    if line := collapse.describe(scores, run.config, dataset):
        print(f"warning: {line}")
    if system:
        print(f"flags that were not given are as in experiments.table1, {system} on {dataset.name}")
    print(f"next: {script('evaluate')} {shlex.quote(str(run.folder))}")
    return 0


if __name__ == "__main__":
    command_line.run(main, "progress is saved; run the same command with --resume to continue")
