import numpy as np
import pytensor.tensor as pt
import pytest
from scipy.stats import multivariate_normal

from breze_like.backends import compile_function
from breze_like.distributions import POSTERIORS, Diagonal, GaussMarkov, Increments
from breze_like.moments import Moments

MOMENTS = ("mean", "mode", "variance")
COEFFICIENTS = (0.0, 0.7, 1.0)


def assert_close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-10, atol=1e-10)


@pytest.fixture(scope="module")
def evaluate(batch, make_posterior):
    """Function from coefficients, noise and latents to posterior -> quantity -> array."""
    a, noise, z = pt.tensor3("a"), pt.tensor3("noise"), pt.tensor3("z")
    m, v, mask = pt.tensor3("m"), pt.tensor3("v"), pt.matrix("mask")
    distributions = {name: make_posterior(name, a, m, v, mask) for name in POSTERIORS}
    names, outputs = [], []
    for name, q in distributions.items():
        values = {quantity: getattr(q, quantity) for quantity in MOMENTS}
        for c in COEFFICIENTS:
            values[f"{c} mean"], values[f"{c} variance"] = q.difference(c)
            values[f"{c} drawn"] = q.drawn_difference(q.sample(noise), noise, c)
        values |= {"sample": q.sample(noise), "log_prob": q.log_prob(z), "responses": q.responses()}
        values |= {"drawn log_prob": q.drawn_log_prob(noise), "log_prob of draw": q.log_prob(q.sample(noise))}
        names += [(name, quantity) for quantity in values]
        outputs += values.values()
    function = compile_function([a, noise, z, m, v, mask], outputs, "jax")

    def call(coefficient=batch.coefficient, noise=batch.noise, latents=batch.latents):
        arrays = function(coefficient, noise, latents, batch.offset, batch.variance, batch.mask)
        results = {name: {} for name in distributions}
        for (name, quantity), array in zip(names, arrays, strict=True):
            results[name][quantity] = array
        return results

    return call


@pytest.fixture(scope="module")
def results(evaluate):
    return evaluate()


@pytest.fixture(scope="module")
def dense(batch, dense_posterior, coefficient_of):
    """Place, column, latent, dense mean, covariance and inverse of A, of every sequence of a posterior."""

    def each(name):
        for place, column, latent in batch.each():
            here = place, column, latent
            a = coefficient_of(name, batch.coefficient[here])
            yield here, *dense_posterior(a, batch.offset[here], batch.variance[here])

    return each


@pytest.mark.parametrize("name", POSTERIORS)
class TestAgainstDenseMatrices:
    def test_moments(self, name, results, dense):
        for here, mean, covariance, _ in dense(name):
            assert_close(results[name]["mean"][here], mean)
            assert_close(results[name]["mode"][here], mean)
            assert_close(results[name]["variance"][here], np.diag(covariance))

    @pytest.mark.parametrize("coefficient", COEFFICIENTS)
    def test_differences(self, name, results, dense, coefficient):
        for here, mean, covariance, _ in dense(name):
            difference = np.eye(len(mean)) - coefficient * np.eye(len(mean), k=-1)
            assert_close(results[name][f"{coefficient} mean"][here], difference @ mean)
            expected = np.diag(difference @ covariance @ difference.T)
            assert_close(results[name][f"{coefficient} variance"][here], expected)

    def test_differences_of_a_draw(self, name, batch, results):
        z = results[name]["sample"]
        for coefficient in COEFFICIENTS:
            for place, column, latent in batch.each():
                here = place, column, latent
                expected = z[here] - coefficient * np.append(0.0, z[here][:-1])
                assert_close(results[name][f"{coefficient} drawn"][here], expected)

    def test_sample(self, name, batch, results, dense):
        for here, mean, _, inverse in dense(name):
            noise = np.sqrt(batch.variance[here]) * batch.noise[here]
            assert_close(results[name]["sample"][here], mean + inverse @ noise)

    def test_log_prob(self, name, batch, results, dense):
        """Step by step, from the joint densities of ever longer beginnings."""
        expected = np.zeros(batch.shape[:2])
        for here, mean, covariance, _ in dense(name):
            z = batch.latents[here]
            joint = [
                multivariate_normal.logpdf(z[:n], mean[:n], covariance[:n, :n]) for n in range(1, len(z) + 1)
            ]
            expected[here[:2]] += np.diff(joint, prepend=0.0)
        assert_close(results[name]["log_prob"], expected)
        assert np.all(results[name]["log_prob"][batch.mask == 0] == 0)
        assert_close(results[name]["drawn log_prob"], results[name]["log_prob of draw"])

    def test_responses(self, name, batch, results, dense):
        responses = results[name]["responses"]
        for (place, column, latent), _, _, inverse in dense(name):
            assert_close(responses[place, place, column, latent], inverse)
            others = np.ones(batch.n_steps, bool)
            others[place] = False
            assert np.all(responses[place, others, column] == 0)


def test_special_cases_are_exact(batch, evaluate):
    """The general posterior with coefficients 0 and 1 is the same, bit for bit, wherever there is a step."""
    for name, coefficient in [("diagonal", 0.0), ("increments", 1.0)]:
        results = evaluate(coefficient=np.full(batch.shape, coefficient))
        for quantity, expected in results[name].items():
            actual = results["gauss_markov"][quantity]
            if quantity == "responses":
                for column, place in batch.places:
                    here = place, place, column
                    np.testing.assert_array_equal(actual[here], expected[here], f"{name} {quantity}")
            else:
                np.testing.assert_array_equal(batch.real(actual), batch.real(expected), f"{name} {quantity}")


@pytest.mark.parametrize("name", POSTERIORS)
def test_samples_have_the_moments(name, batch, evaluate):
    """A sample is linear in its noise: none gives the mean, and unit noises add up to the variance."""
    mean = evaluate(noise=np.zeros(batch.shape))[name]["sample"]
    variance = np.zeros(batch.shape)
    for step in range(batch.n_steps):
        unit = np.zeros(batch.shape)
        unit[step] = 1
        variance += (evaluate(noise=unit)[name]["sample"] - mean) ** 2
    results = evaluate()[name]
    assert_close(batch.real(mean), batch.real(results["mean"]))
    assert_close(batch.real(variance), batch.real(results["variance"]))


def test_from_recognition(rng):
    """Each posterior takes its own number of output units for two latents."""
    four, mask = Moments(pt.tensor3(), pt.tensor3()), pt.matrix()
    two = four.map(lambda u: u[:, :, :2])
    assert [q.n_outputs for q in (Diagonal, Increments, GaussMarkov)] == [1, 1, 2]
    diagonal, increments = (q.from_recognition(two, mask) for q in (Diagonal, Increments))
    gauss_markov = GaussMarkov.from_recognition(four, mask)
    assert (diagonal.coefficient, increments.coefficient) == (0, 1)
    outputs = [gauss_markov.coefficient]
    for q in (diagonal, increments, gauss_markov):
        outputs += [q.offset, q.innovation_variance]
    means, variances = rng.normal(size=(3, 2, 4)), rng.uniform(size=(3, 2, 4))
    arrays = compile_function([*four], outputs, "jax")(means, variances)
    m, v = means[:, :, :2], variances[:, :, :2]
    a = 1 / (1 + np.exp(-means[:, :, 2:]))
    for actual, expected in zip(arrays, [a, m, v, m, v, m, v], strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-14)


def test_draws_standard_normal_noise(rng):
    drawn = GaussMarkov.draw_noise(rng, (4, 3, 2))
    np.testing.assert_array_equal(drawn, np.random.default_rng(0).standard_normal((4, 3, 2)))
