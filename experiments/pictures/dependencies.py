"""Which quantity of a model, at which step, depends on which: found from its graph, by changing each of them.

The quantities are the named ones between the observations and the emission, and the states of the loops over
time, named after their recurrent weights. The graph is cut at all of them, so that only direct dependencies
are found.
"""

from dataclasses import dataclass

import numpy as np
from pytensor.graph.traversal import ancestors, toposort

from breze_like.recurrence.loop import Loop

FIRST, LAST = "observations", "emission/mean"


@dataclass(frozen=True)
class Dependencies:
    """The quantities of a model over a few steps.

    Parameters
    ----------
    kinds : dict of str to str
        By name of a quantity, ``"observed"``, ``"random"`` or ``"deterministic"``; each behind those that it
        depends on. The last one is the mean of the observations given the others, hence observed, too.
    edges : set of pair of pair of str and int
        ``((parent, s), (child, t))``: the child at step t depends directly on the parent at step s.
    """

    kinds: dict
    edges: set


def find_dependencies(model, n_steps):
    """The direct dependencies in the graph of a model.

    To see what depends on a quantity at a step, it is changed there. Weights and inputs are drawn at random.
    What comes from before the sequence, as initial states do, has no edges.

    Parameters
    ----------
    model : Model
        Its parameters are overwritten.
    n_steps : int
        Of the sequence.

    Returns
    -------
    Dependencies
    """
    rng = np.random.default_rng(0)
    model.parameters.data[...] = 0.7 * rng.standard_normal(model.parameters.size)
    variables = find_quantities(model)
    values = {FIRST: [rng.standard_normal((n_steps, 1, model.n_visible))]}
    if model.has_latents:
        variables["noise"] = [model.inputs["noise"]]
        values["noise"] = [model.draw_noise(rng, n_steps, 1)]
    kinds, edges = {FIRST: "observed"}, set()
    for child in [name for name in variables if name not in values]:
        compute = _cut(model, variables, list(values), child)
        changes = {source: _changes(compute, values, source) for source in values}
        values[child] = compute(values)
        kinds[child] = "random" if changes.pop("noise", np.zeros(1)).any() else "deterministic"
        edges_to = _edges_to_loop if _is_loop(variables[child][0]) else _edges_to
        for parent, changed in changes.items():
            edges |= edges_to(child, parent, changed)
    return Dependencies({**kinds, LAST: "observed"}, edges)


def find_quantities(model):
    """Variables by name, of what lies between the observations and the emission, in the order of the graph.

    Each has one variable, but the states of a fast-dropout network two, their moments.
    """
    last = model.expressions[LAST]
    names = {v: name for name, v in {**model.inputs, **model.expressions}.items()}
    weights = {model.parameters[name]: name for name in model.parameters.shapes}
    used = set(ancestors([last]))
    quantities = {FIRST: [model.inputs[FIRST]]}
    for apply in toposort([last]):
        for variable in (v for v in apply.outputs if v in used):
            name = names.get(variable) or _name_of_state(variable, weights)
            if name:
                quantities.setdefault(name, []).append(variable)
    return quantities


def _name_of_state(variable, weights):
    """``"recognition/hidden_0/forward"`` for the states of a loop with weights of that name; else None.

    A loop can have several chains: it is looked into for the weights that these states are made with.
    """
    if not _is_loop(variable):
        return None
    graph, inputs = variable.owner.op.graph, variable.owner.inputs
    inside = set(ancestors([graph.inner_outputs[variable.index]]))
    pairs = zip(inputs, graph.inner_inputs, strict=True)
    used = [weights.get(i, "") for i, inner in pairs if inner in inside]
    recurrent = [name.removesuffix("/recurrent") for name in used if name.endswith("/recurrent")]
    return recurrent[0] if recurrent else None


def _is_loop(variable):
    return isinstance(variable.owner.op, Loop)


def _cut(model, variables, sources, child):
    """The child as a function of the values of the sources, by name: a list of arrays."""
    function = model.function(["mask", *(v for name in sources for v in variables[name])], variables[child])

    def compute(values):
        arrays = [array for name in sources for array in values[name]]
        return function(np.ones(arrays[0].shape[:2]), *arrays)

    return compute


def _changes(compute, values, source):
    """Whether what is computed changes at step t if the source does at step s: bools, (t, s)."""
    before, changes = compute(values), []
    for s in range(len(values[source][0])):
        changed = [array.copy() for array in values[source]]
        for array in changed:
            array[s] = 1.5 * array[s] + 0.1  # a variance stays positive
        after = compute({**values, source: changed})
        changes.append(sum((a != b).any(axis=(1, 2)) for a, b in zip(after, before, strict=True)))
    return np.array(changes, bool).T


def _edges_to(child, parent, changed):
    """An edge for each change."""
    return {((parent, int(s)), (child, int(t))) for t, s in np.argwhere(changed)}


def _edges_to_loop(child, parent, changed):
    """Edges to the states of a loop: what a neighbour between depends on, too, comes through that one."""
    edges = set()
    for t, s in np.argwhere(changed).tolist():
        neighbour = t + int(np.sign(s - t))
        through_neighbour = neighbour != t and changed[neighbour, s]
        edges.add(((child, neighbour) if through_neighbour else (parent, s), (child, t)))
    return edges
