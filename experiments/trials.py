"""The list of all runs that were trained: one line for each, whatever became of it.

    python -m experiments.trials runs/* --list experiments/results/trials.csv

Runs that are already listed are updated; lines of runs that no longer exist are kept. The list is in the
order in which the runs began, and says when each was scored on the test set, if it was.
"""

from pathlib import Path

from experiments import command_line
from experiments.command_line.arguments import Parser
from experiments.paper.trials import key, line, read, write


def main(arguments=None):
    parser = Parser(__doc__)
    parser.add_argument("runs", nargs="+", help="folders of runs")
    parser.add_argument("--list", default="experiments/results/trials.csv", help="file with the list")
    options = parser.parse_args(arguments)
    path = Path(options.list)
    lines = read(path)
    for folder in options.runs:
        found = line(folder)
        lines[key(found)] = found
    write(lines.values(), path)
    hours = sum(float(line["minutes"]) for line in lines.values()) / 60
    print(f"{path}: {len(lines)} runs, {hours:.1f} hours of training")
    return 0


if __name__ == "__main__":
    command_line.run(main, "the list is unchanged; run the same command to start over")
