"""The main job: train the systems of the paper's Table 1, score them on the test set, save table and picture.

    python -m experiments.table1

Without arguments it trains on Bach's chorales, which come with the project, and needs about five minutes on
two cores. It can be stopped at any time; the same command goes on with what is missing.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from breze_like import data
from breze_like.backends import resolve
from breze_like.estimators import Score
from breze_like.initialize import Initialization
from breze_like.models import IndependentBernoulli
from breze_like.training import TrainingSettings
from experiments import command_line, figures
from experiments.evaluate import evaluate, portable
from experiments.experiment import bounds_nothing, describe, load, reconstruct, train

# Draws of the importance sampled scores.
N_SAMPLES = 20

# The systems; everything about them that is not a default of its class.
VRAE = {"transfer": "tanh_wang_manning"}
SYSTEMS = {
    "fdrnn": {
        "title": "FD-RNN, one-step predictor",
        "model": "fdrnn",
        "arguments": {"transfer": "tanh_wang_manning", "n_hiddens": [100], "p_keep": 0.8},
        "training": {"n_epochs": 60, "step_rate": 0.001},
    },
    "vrae": {
        "title": "VRAE, Gauss-Markov posterior, exact KL",
        "model": "vrae",
        "arguments": {**VRAE, "n_hiddens": [200], "n_latent": 32},
        "training": {"n_epochs": 80, "annealing_updates": 600, "step_rate_schedule": "cosine"},
    },
    "vrae_published": {
        "title": "VRAE, published objective",
        "model": "vrae",
        "arguments": {
            **VRAE,
            "n_hiddens": [200],
            "n_latent": 50,
            "posterior": "diagonal",
            "kl": "independent_increments",
        },
        "training": {"n_epochs": 40, "annealing_updates": 300},
    },
}


def make_config(system, dataset, options):
    """The configuration of a system's run."""
    training = {"validate_every": 5, "annealing_updates": 0, **system["training"]}
    for name in ("n_epochs", "annealing_updates"):
        training[name] = round(training[name] * options.effort)
    return {
        "model": system["model"],
        "arguments": {
            "n_visible": dataset.n_features,
            "emission": "bernoulli" if dataset.binary else "gaussian_shared",
            **system["arguments"],
        },
        "initialization": asdict(Initialization()),
        "training": asdict(TrainingSettings(**training)),
        "data": describe(dataset, options.dataset),
        "seed": options.seed,
        "backend": resolve(options.backend),
    }


def floor_row(dataset):
    """The score of independent notes with the frequencies of the training set."""
    model = IndependentBernoulli(dataset.train)
    nats = np.array([-model.log_prob(s).sum() for s in dataset.test])
    score = Score(nats, np.array([len(s) for s in dataset.test]))
    return row("independent notes", "exact", score.per_step, score.per_sequence)


def row(system, kind, per_step, per_sequence):
    return {"system": system, "kind": kind, "per_step": per_step, "per_sequence": per_sequence}


def system_rows(title, result):
    """The rows of a trained system: its valid scores, and the published objective if trained on that."""
    kinds = {
        "nll": "exact",
        "bound": "upper bound",
        "importance_sampled": f"upper bound, {N_SAMPLES} samples",
    }
    if bounds_nothing(result["config"]):
        kinds = {"objective": "not a bound", **kinds}
    scores = result["scores"]
    return [row(title, kind, **scores[name]) for name, kind in kinds.items() if name in scores]


def cells(row):
    """The row as text; an upper bound is printed with "<"."""
    sign = "<" if row["kind"].startswith("upper bound") else ""
    numbers = (f"{sign}{row[average]:.2f}" for average in ("per_step", "per_sequence"))
    return row["system"], *numbers, row["kind"]


HEAD = ("test set, nats per time step", "per step", "per sequence", "kind")


def as_text(rows):
    return "\n".join(f"{a:42s} {b:>9s} {c:>13s}  {d}" for a, b, c, d in [HEAD, *map(cells, rows)]) + "\n"


def as_markdown(rows, result):
    """The table with what made it: command, seed and versions."""
    lines = [HEAD, ("---", "--:", "--:", "---"), *map(cells, rows)]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    config = result["config"]
    versions = ", ".join(f"{name} {version}" for name, version in config["versions"].items())
    command = portable(["python", "-m", "experiments.table1", *config["command"][1:]])
    return f"{table}\n\n`{command}`; data: {config['data']['name']}; seed {config['seed']}; {versions}.\n"


def picture(dataset, results, data_dir):
    """Learning curves of all systems, and the reconstruction of a test sequence by the first VRAE."""
    logs = {SYSTEMS[name]["title"]: result["log"] for name, result in results.items()}
    _, model, _ = load(results["vrae"]["run"], data_dir)
    sequence = dataset.test[0][:100]
    return figures.reconstruction(sequence, reconstruct(model, sequence), logs)


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--dataset", default="chorales", help="name of a piano-roll data set, or a file")
    parser.add_argument("--data-dir", help="folder of the standard data sets; else $BREZE_LIKE_DATA")
    parser.add_argument("--out", default="runs/table1", help="folder for runs, table and picture")
    parser.add_argument("--results", help="another folder for table and picture")
    parser.add_argument("--effort", type=float, default=1.0, help="factor of the number of epochs")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--backend", default="auto", help="auto, jax, cvm or numba")
    options = parser.parse_args(arguments)
    if not options.effort > 0:
        raise ValueError(f"--effort must be positive, got {options.effort}")
    dataset = data.load(options.dataset, options.data_dir)
    if not dataset.binary:
        raise ValueError(f"--dataset must be piano rolls, {dataset.name} is real-valued")
    out = Path(options.out)
    results = {}
    for name, system in SYSTEMS.items():
        print(f"\n{system['title']}", flush=True)
        config = make_config(system, dataset, options)
        run, _ = train(config, dataset, out / name, resume=True)
        results[name] = evaluate(run.folder, "test", N_SAMPLES, options.data_dir)
    rows = [floor_row(dataset)]
    rows += [r for name, result in results.items() for r in system_rows(SYSTEMS[name]["title"], result)]

    figure = picture(dataset, results, options.data_dir)
    for folder in filter(None, (options.out, options.results)):
        stem = Path(folder) / "table1"
        stem.with_suffix(".json").write_text(json.dumps(rows, indent=2) + "\n")
        stem.with_suffix(".txt").write_text(as_text(rows))
        stem.with_suffix(".md").write_text(as_markdown(rows, results["vrae"]))
        figures.save(figure, stem.with_suffix(".png"))
    print(f'\n{as_text(rows)}\nTable and picture are in {out}. A score with "<" is an upper bound.')
    return 0


if __name__ == "__main__":
    command_line.run(main)
