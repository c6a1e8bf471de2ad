"""Graph convolutions against their formulas."""

import torch

from skelact.layers.batch_norm import PersonBatchNorm
from skelact.layers.graph_conv import GraphConv
from skelact.skeletons import KINECT20


def test_graph_conv_equals_the_plain_formula() -> None:
    """Means after the convolutions, one subset after the other, sums written out: nothing is rearranged."""
    torch.manual_seed(0)
    conv = GraphConv(16, 8, KINECT20).double()
    with torch.no_grad():
        conv.alpha.fill_(0.7)
        conv.refine_bias.normal_()
        conv.values.bias.normal_()
        conv.relate.bias.normal_()
    x = torch.randn(3, 16, 20, 6, dtype=torch.float64)
    r, c_out = conv.relations, conv.channels_out
    expected = torch.zeros(3, c_out, 20, 6, dtype=torch.float64)
    related = torch.einsum("oc,pcvt->povt", conv.relate.weight, x) + conv.relate.bias[:, None, None]
    related = related.mean(dim=3).view(3, 2, 3, r, 20)
    for k in range(3):
        differences = torch.tanh(related[:, 0, k, :, :, None] - related[:, 1, k, :, None, :])  # (P, r, u, v)
        refined = torch.einsum("cr,pruv->pcuv", conv.refine_weight[k], differences)
        refined = refined + conv.refine_bias[k][:, None, None]
        graph = refined * conv.alpha + conv.graph[k]
        weight, bias = conv.values.weight[k::3], conv.values.bias[k::3]
        values = torch.einsum("oc,pcvt->povt", weight, x) + bias[:, None, None]
        expected = expected + torch.einsum("pcuv,pcvt->pcut", graph, values)
    conv.norm = PersonBatchNorm(c_out).double()
    conv.eval()  # a fresh norm in evaluation mode changes nothing but the epsilon
    lifted = torch.full_like(expected, 1000.0)  # so that nothing is negative in the end
    ours = (conv(x, None, lifted) - lifted) * (1 + conv.norm.eps) ** 0.5
    torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-9)
