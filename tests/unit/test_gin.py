"""Graph isomorphism network: its layers against dense matrices written out by hand."""

import torch

from graincast.models import gin
from graincast.training.generators import seeded

EDGES = torch.tensor([[0, 1, 1, 2, 0, 2, 3], [1, 0, 2, 1, 2, 0, 0]])  # a triangle; grain 3 is seen by grain 0 alone


def network(hidden: int = 5) -> gin.Network:
    """With an ε that is not zero."""
    with seeded(0):
        built = gin.Network(3, 2, hidden, dropout=0.5).double().eval()
        for layer in built.layers:
            torch.nn.init.normal_(layer.eps)
    return built


def inputs() -> tuple[torch.Tensor, torch.Tensor]:
    with seeded(1):
        return torch.randn(4, 3).double(), torch.randn(EDGES.shape[1], 2).double()


def test_the_network_equals_dense_matrices():
    built, (x, edge_x) = network(), inputs()
    linked, boundary = torch.zeros(4, 4).double(), torch.zeros(4, 4, 2).double()  # [to, from]
    linked[EDGES[1], EDGES[0]], boundary[EDGES[1], EDGES[0]] = 1, edge_x
    before = (x @ built.first.weight.T + built.first.bias).clamp(min=0)
    for layer in built.layers:
        messages = (before[None] + boundary @ layer.lin.weight.T + layer.lin.bias).clamp(min=0)
        gathered = (linked[..., None] * messages).sum(dim=1) + (1 + layer.eps) * before
        inner, outer = layer.nn[0], layer.nn[2]
        after = (gathered @ inner.weight.T + inner.bias).clamp(min=0) @ outer.weight.T + outer.bias
        before = after.clamp(min=0)
    expected = before @ built.last.weight[0] + built.last.bias
    torch.testing.assert_close(built(x, EDGES, edge_x), expected)


def test_each_boundary_affects_the_grains_that_its_messages_reach():
    built, (x, edge_x) = network(), inputs()
    before = built(x, EDGES, edge_x)
    for edge in range(EDGES.shape[1]):
        changed = edge_x.clone()
        changed[edge] += 5
        reached = (built(x, EDGES, changed) - before).abs() > 1e-9
        assert reached.tolist() == [True, True, True, False]  # nothing is sent to grain 3


def test_dropout_acts_in_training_only():
    built, (x, edge_x) = network(), inputs()
    assert torch.equal(built(x, EDGES, edge_x), built(x, EDGES, edge_x))
    built.train()
    with seeded(2):
        assert not torch.equal(built(x, EDGES, edge_x), built(x, EDGES, edge_x))
