"""timm's networks as ONNX files, made once and kept."""

import numpy
import onnxruntime
import openvino
import timm
import torch

import measure


def export(name, path):
    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=measure.CLASSES)
    settle(model)
    images = torch.randn(4, 3, measure.SIDE, measure.SIDE)
    with torch.inference_mode():
        expected = model(images).numpy()
        with torch.autocast("cpu", torch.bfloat16):
            rounded = model(images).float().numpy()
    path.parent.mkdir(parents=True, exist_ok=True)
    unchecked = path.with_suffix(".unchecked")
    shapes = {"x": {0: torch.export.Dim("batch")}}
    torch.onnx.export(model, (images,), unchecked, input_names=["images"], dynamic_shapes=shapes, external_data=False, verbose=False)
    check(unchecked, images.numpy(), expected, rounded)
    unchecked.rename(path)


def settle(model):
    """Gives batch norm the statistics of noise: with those of a new network the logits vanish, and would agree whatever came before."""
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        model.train()(torch.randn(32, 3, measure.SIDE, measure.SIDE))
    model.eval()


def check(path, images, expected, rounded):
    """Both runtimes must give PyTorch's logits; in bf16, be about as far from them as PyTorch's own bf16 is."""
    session = onnxruntime.InferenceSession(path)
    agree("ONNX Runtime", session.run(None, {"images": images})[0], expected, 1e-4)
    for precision, tolerance in [("f32", 1e-4), ("bf16", 2 * distance(rounded, expected))]:
        model = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": precision})
        agree(f"OpenVINO {precision}", model(images)[0], expected, tolerance)


def agree(runtime, found, expected, tolerance):
    error = distance(found, expected)
    assert error < tolerance, f"{runtime} differs from PyTorch's logits by {error:.1e}, more than {tolerance:.1e}"


def distance(found, expected):
    return numpy.linalg.norm(found - expected) / numpy.linalg.norm(expected)
