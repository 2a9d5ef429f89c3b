"""A training step and a prediction in PyTorch, as crates/hema/examples/step.rs does them: for every script that times PyTorch."""

import torch


def steps(model, forward, images, labels, precision):
    """By mode, what is timed. `forward` is the model or what it was compiled to; `precision` the context that both run in."""
    optimizer = torch.optim.AdamW(model.parameters(), 1e-4, fused=True)

    def train():
        with precision:
            loss = torch.nn.functional.cross_entropy(forward(images).float(), labels, label_smoothing=0.1)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()

    def predict():
        with torch.inference_mode(), precision:
            forward(images).float()

    return {"train": train, "predict": predict}
