"""Marks of a picture's quality from its 8-bit pixels, each by operations of ONNX's opset 17 (slices, sums, absolute values, maxima, logs).

A mark is a number; `standardised` measures it in robust deviations of training's clean images, so that both directions can be told.
"""
import numpy as np

NAMES = ["light", "light_spread", "red", "green", "blue", "red_spread", "blue_spread", "colour", "colour_spread", "red_less_green",
         "blue_less_green", "laplacian", "noise", "noise_over_laplacian", "gradient", "gradient_ratio", "diagonal_ratio", "clipped_white",
         "clipped_black", "flat", "repeats", "quadrants", "border", "coarse", "fine_over_coarse", "noise_colour"]


def marks(images):
    """(n, h, w, 3) bytes -> (n, marks)."""
    return np.concatenate([of_few(images[at:at + 256]) for at in range(0, len(images), 256)])


def log(x):
    return np.log(np.maximum(x, 1e-3))


def of_few(images):
    x = np.asarray(images, dtype=np.float32)
    mean = lambda a: a.mean(axis=(1, 2))
    grey = x @ np.array([0.299, 0.587, 0.114], np.float32)
    red, green, blue = x[..., 0], x[..., 1], x[..., 2]
    colour = x.max(axis=3) - x.min(axis=3)
    c = grey[:, 1:-1, 1:-1]
    n, s, w, e = grey[:, :-2, 1:-1], grey[:, 2:, 1:-1], grey[:, 1:-1, :-2], grey[:, 1:-1, 2:]
    corners = grey[:, :-2, :-2] + grey[:, :-2, 2:] + grey[:, 2:, :-2] + grey[:, 2:, 2:]
    laplacian = mean(np.abs(n + s + w + e - 4 * c))
    # what a plane, an edge and a corner leave nothing of (Immerkaer, 1996)
    noise = np.sqrt(np.pi / 2) / 6 * mean(np.abs(corners - 2 * (n + s + w + e) + 4 * c))
    opponent = red - blue
    oc = opponent[:, 1:-1, 1:-1]
    on, os, ow, oe = opponent[:, :-2, 1:-1], opponent[:, 2:, 1:-1], opponent[:, 1:-1, :-2], opponent[:, 1:-1, 2:]
    ocorners = opponent[:, :-2, :-2] + opponent[:, :-2, 2:] + opponent[:, 2:, :-2] + opponent[:, 2:, 2:]
    noise_colour = np.sqrt(np.pi / 2) / 6 * mean(np.abs(ocorners - 2 * (on + os + ow + oe) + 4 * oc))
    across, down = np.abs(np.diff(grey, axis=2)), np.abs(np.diff(grey, axis=1))
    one = mean(np.abs(grey[:, 1:, 1:] - grey[:, :-1, :-1]))
    two = mean(np.abs(grey[:, 1:, :-1] - grey[:, :-1, 1:]))
    gradient = 0.5 * (mean(across) + mean(down))
    half_h, half_w = grey.shape[1] // 2, grey.shape[2] // 2
    quadrants = np.stack([mean(part) for part in (grey[:, :half_h, :half_w], grey[:, :half_h, half_w:], grey[:, half_h:, :half_w],
                                                  grey[:, half_h:, half_w:])], axis=1)
    border = np.concatenate([grey[:, :8].reshape(len(x), -1), grey[:, -8:].reshape(len(x), -1), grey[:, :, :8].reshape(len(x), -1),
                             grey[:, :, -8:].reshape(len(x), -1)], axis=1)
    small = grey[:, :grey.shape[1] // 4 * 4, :grey.shape[2] // 4 * 4].reshape(len(x), grey.shape[1] // 4, 4, -1, 4).mean(axis=(2, 4))
    coarse = 0.5 * (mean(np.abs(np.diff(small, axis=1))) + mean(np.abs(np.diff(small, axis=2))))
    same = (np.abs(np.diff(x, axis=2)).max(axis=3) < 0.5)
    return np.stack([
        mean(grey), grey.std(axis=(1, 2)), mean(red), mean(green), mean(blue), red.std(axis=(1, 2)), blue.std(axis=(1, 2)), mean(colour),
        colour.std(axis=(1, 2)), mean(red - green), mean(blue - green), log(laplacian), log(noise), log(noise) - log(laplacian),
        log(gradient), log(mean(across)) - log(mean(down)), log(one) - log(two), mean((x.max(axis=3) > 252).astype(np.float32)),
        mean((x.max(axis=3) < 4).astype(np.float32)), mean((across < 0.5).astype(np.float32)), mean(same.astype(np.float32)),
        quadrants.max(axis=1) - quadrants.min(axis=1), border.std(axis=1), log(coarse), log(gradient) - log(coarse), log(noise_colour),
    ], axis=1).astype(np.float64)


class Standardised:
    """Robust deviations from the middle of clean training images, cut at +-limit."""

    def __init__(self, clean, limit=8.0):
        self.middle = np.median(clean, axis=0)
        self.spread = np.maximum(1.4826 * np.median(np.abs(clean - self.middle), axis=0), 0.05 * clean.std(axis=0) + 1e-3)
        self.limit = limit

    def __call__(self, values):
        return np.clip((values - self.middle) / self.spread, -self.limit, self.limit)
