#!/usr/bin/env python3
"""Images per second of timm's networks in ONNX Runtime or OpenVINO, which only predict."""

import numpy

import measure


def main():
    args = measure.arguments(__doc__, ["--openvino", "--bf16", "--throughput"])
    assert args.mode == "predict", "a graph runtime does not train"
    path = measure.CACHE / f"onnx/{args.model}.onnx"
    if not path.exists():
        import export  # brings PyTorch with it, which is not otherwise needed here

        export.export(args.model, path)
    images = numpy.random.default_rng(0).standard_normal((args.batch, 3, measure.SIDE, measure.SIDE), numpy.float32)
    runtime = openvino_step if args.openvino else onnxruntime_step
    step, together = runtime(path, images, args)
    measure.report(step, args.batch * together, args.steps)


def onnxruntime_step(path, images, args):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = measure.THREADS
    options.add_free_dimension_override_by_name("batch", args.batch)
    session = onnxruntime.InferenceSession(path, options)
    return lambda: session.run(None, {"images": images}), 1


def openvino_step(path, images, args):
    """`--throughput` keeps as many batches going at once as OpenVINO asks for, instead of one batch on all cores."""
    import openvino

    core = openvino.Core()
    model = core.read_model(path)
    model.reshape(images.shape)
    hints = {
        "PERFORMANCE_HINT": "THROUGHPUT" if args.throughput else "LATENCY",
        "INFERENCE_PRECISION_HINT": "bf16" if args.bf16 else "f32",
        "INFERENCE_NUM_THREADS": measure.THREADS,
    }
    compiled = core.compile_model(model, "CPU", hints)
    if not args.throughput:
        request = compiled.create_infer_request()
        return lambda: request.infer({0: images}, share_inputs=True, share_outputs=True), 1
    queue = openvino.AsyncInferQueue(compiled)

    def step():
        for _ in range(len(queue)):
            queue.start_async({0: images}, share_inputs=True)
        queue.wait_all()

    return step, len(queue)


main()
