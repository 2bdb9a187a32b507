import torch

from gantoolkit.registry.registry import build


def test_myplugin_draws_and_passes_gradients():
    generator = build("generator", dict(type="MyPlugin", resolution=32))
    ws = generator.mapping(torch.randn(2, generator.z_dim)).detach().requires_grad_()
    image = generator.render(ws).image
    assert ws.shape == (2, generator.num_ws, generator.w_dim)
    assert image.shape == (2, 3, 32, 32) and image.abs().max() <= 1
    image.mean().backward()
    assert ws.grad.abs().sum() > 0
