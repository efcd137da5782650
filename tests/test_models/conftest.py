import pytest


@pytest.fixture(scope="module")
def evaluate(model, request):
    """A function of observations and mask: what the test module's `OUTPUTS` are of its `model`, by name."""
    outputs = request.module.OUTPUTS
    function = model.function(["observations", "mask"], outputs)
    return lambda x, mask: dict(zip(outputs, function(x, mask), strict=True))
