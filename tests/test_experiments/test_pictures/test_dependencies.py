"""Dependencies that are found in graphs: those of the paper, and others where a model is wrong."""

import pytensor.tensor as pt
import pytest

from breze_like.models import RNN, VOSP, VRAE, vosp
from experiments.pictures.dependencies import find_dependencies

N_STEPS = 4
STATES = "recognition/hidden_0/forward"


def make_vosp(posterior="diagonal"):
    return VOSP(3, 2, (3,), (3,), posterior=posterior)


@pytest.fixture(scope="module")
def vrae():
    return find_dependencies(VRAE(3, 2, (3,), posterior="diagonal"), N_STEPS)


@pytest.fixture(scope="module")
def of_vosp():
    return find_dependencies(make_vosp(), N_STEPS)


def lags(dependencies, parent, child):
    """By how many steps the parent precedes the child; what holds at one step must hold at all."""
    found = {t - s for (p, s), (c, t) in dependencies.edges if (p, c) == (parent, child)}
    for lag in found:
        steps = [s for s in range(N_STEPS) if 0 <= s + lag < N_STEPS]
        assert all(((parent, s), (child, s + lag)) in dependencies.edges for s in steps)
    return found


def lags_of_all(dependencies):
    pairs = {(parent, child) for (parent, _), (child, _) in dependencies.edges}
    return {pair: lags(dependencies, *pair) for pair in pairs}


def reachable(dependencies, start):
    """All that a quantity at a step has an influence on, over any number of edges."""
    found, new = set(), {start}
    while new:
        found |= new
        new = {child for parent, child in dependencies.edges if parent in new} - found
    return found


def test_vrae_has_the_edges_of_the_paper(vrae):
    recognition, generative = "recognition/hidden_0", "generative/hidden_0"
    assert lags_of_all(vrae) == {
        ("observations", f"{recognition}/forward"): {0},
        ("observations", f"{recognition}/backward"): {0},
        (f"{recognition}/forward", f"{recognition}/forward"): {1},
        (f"{recognition}/backward", f"{recognition}/backward"): {-1},
        (f"{recognition}/forward", "latents"): {0},
        (f"{recognition}/backward", "latents"): {0},
        ("latents", f"{generative}/forward"): {0},
        ("latents", f"{generative}/backward"): {0},
        (f"{generative}/forward", f"{generative}/forward"): {1},
        (f"{generative}/backward", f"{generative}/backward"): {-1},
        (f"{generative}/forward", "emission/mean"): {0},
        (f"{generative}/backward", "emission/mean"): {0},
    }


def test_all_latents_of_a_vrae_see_all_observations_and_are_seen_by_all(vrae):
    for s in range(N_STEPS):
        seen = reachable(vrae, ("observations", s))
        assert {("latents", t) for t in range(N_STEPS)} <= seen
        seen = reachable(vrae, ("latents", s))
        assert {("emission/mean", t) for t in range(N_STEPS)} <= seen


def test_vosp_has_the_edges_of_the_paper(of_vosp):
    assert lags_of_all(of_vosp) == {
        ("observations", STATES): {0},
        (STATES, STATES): {1},
        (STATES, "latents"): {0},
        (STATES, "emission/mean"): {1},
        ("latents", "emission/mean"): {0},
    }


def test_latents_of_a_vosp_see_the_past_only(of_vosp):
    for s in range(N_STEPS):
        seen = reachable(of_vosp, ("observations", s))
        assert {t for name, t in seen if name == "latents"} == set(range(s, N_STEPS))


def test_kinds(vrae, of_vosp):
    kinds = {"observations": "observed", "latents": "random", "emission/mean": "observed"}
    for dependencies in (vrae, of_vosp):
        states = {name: "deterministic" for name in dependencies.kinds if "hidden" in name}
        assert dependencies.kinds == kinds | states


@pytest.mark.slow
def test_a_gauss_markov_posterior_is_a_chain_of_latents():
    found = lags_of_all(find_dependencies(make_vosp("gauss_markov"), N_STEPS))
    assert found["latents", "latents"] == {1}
    assert found[STATES, "latents"] == {0}


@pytest.mark.parametrize(
    ("shift", "expected"), [(lambda u, mask: pt.zeros_like(u), set()), (lambda u, mask: u, {0})]
)
def test_a_wrong_shortcut_shows(shift, expected, monkeypatch):
    monkeypatch.setattr(vosp, "previous", shift)
    assert lags(find_dependencies(make_vosp(), N_STEPS), STATES, "emission/mean") == expected


def test_layers_stand_on_each_other():
    edges = find_dependencies(RNN(3, (3, 3)), N_STEPS).edges
    first, second = "generative/hidden_0/forward", "generative/hidden_1/forward"
    # Of the first step, the first layer sees a zero frame, which is no quantity that could be changed.
    into = {parent for parent, child in edges if child == (first, 2)}
    assert into == {("observations", 1), (first, 1)}
    assert {parent for parent, child in edges if child == (second, 2)} == {(first, 2), (second, 1)}
    assert {parent for parent, child in edges if child == ("emission/mean", 2)} == {(second, 2)}
