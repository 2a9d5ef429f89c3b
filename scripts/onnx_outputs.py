"""Outputs of an ONNX file for the arrays of a folder, as JSON: lists by name, a row an image.

    python scripts/onnx_outputs.py RUNTIME MODEL FOLDER      (RUNTIME: onnxruntime, openvino or tract)

Each `.npy` file of the folder is one batch; they are taken in the order of their names. The file is checked first,
shapes included. Tests run it (crates/hema/src/export/onnx/tests), with more runtimes under `scripts/onnx`.
"""

import json
import pathlib
import sys

import numpy as np
import onnx


def onnxruntime(model):
    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return lambda name, batch: session.run(None, {name: batch})


def openvino(model):
    import openvino

    # processors with BF16 would round the weights of the resize too
    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda _, batch: list(compiled(batch).values())


def tract(model):
    import tract

    kinds = {"uint8": "u8", "float32": "f32"}

    def run(_, batch):
        loaded = tract.onnx().load(model)
        shape = ",".join(map(str, batch.shape))
        loaded.set_input_fact(0, f"{shape},{kinds[str(batch.dtype)]}")
        return [output.to_numpy() for output in loaded.into_model().into_runnable().run([batch])]

    return run


def main(runtime, model, folder):
    loaded = onnx.load(model)
    onnx.checker.check_model(loaded, full_check=True)
    name = loaded.graph.input[0].name
    names = [output.name for output in loaded.graph.output]
    outputs = {name: [] for name in names}
    del loaded
    run = {"onnxruntime": onnxruntime, "openvino": openvino, "tract": tract}[runtime](model)
    for path in sorted(pathlib.Path(folder).glob("*.npy")):
        for key, values in zip(names, run(name, np.load(path)), strict=True):
            outputs[key] += values.tolist()
    json.dump(outputs, sys.stdout)


main(*sys.argv[1:])
