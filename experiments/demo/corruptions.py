"""Five image corruptions with the CIFAR-C constants, in numpy (JPEG and spatter are left out: they need a codec and a long recipe).

Images are uint8 (n, 28, 28); the result is clipped and rounded to 8 bits again, as a stored corrupted image would be.
The random ones take a numpy generator.  Clade draws its own noise, so accuracies under noise and motion blur agree with it only
up to the draw.
"""
import numpy as np

CONSTANTS = {
    "motion_blur": [(6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5)],
    "impulse_noise": [.01, .02, .03, .05, .07],
    "gaussian_noise": [.04, .06, .08, .09, .10],
    "pixelate": [.95, .9, .85, .75, .65],
    "contrast": [.75, .5, .4, .3, .15],
}


def motion_blur(x, constant, rng):
    """One-sided Gaussian along a random angle for each image; the border pixel is repeated."""
    radius, sigma = constant
    steps = np.arange(2 * radius + 1)
    kernel = np.exp(-steps ** 2 / (2 * sigma ** 2))
    kernel /= kernel.sum()
    angle = np.radians(rng.uniform(-45, 45, len(x)))[:, None]
    right, down = np.ceil(steps * np.cos(angle) - 0.5).astype(int), np.ceil(steps * np.sin(angle) - 0.5).astype(int)
    side = np.arange(x.shape[1])
    image = np.arange(len(x))[:, None, None]
    result = np.zeros_like(x)
    for i, weight in enumerate(kernel):
        rows = np.clip(side + down[:, i, None], 0, side[-1])
        columns = np.clip(side + right[:, i, None], 0, side[-1])
        result += weight * x[image, rows[:, :, None], columns[:, None, :]]
    return result


def impulse_noise(x, constant, rng):
    hit, white = rng.random(x.shape) < constant, rng.random(x.shape) < 0.5
    return np.where(hit, white, x)


def gaussian_noise(x, constant, rng):
    return x + constant * rng.standard_normal(x.shape)


def box_matrix(size_in, size_out):
    """Pillow's BOX filter as a (size_out, size_in) matrix: equal weights of the pixel centres in the window."""
    scale = size_in / size_out
    support = max(scale, 1.0)
    centre = (np.arange(size_out)[:, None] + 0.5) * scale
    source = np.arange(size_in)[None]
    low, high = (centre - support / 2 + 0.5).astype(int), (centre + support / 2 + 0.5).astype(int)
    at = (source - centre + 0.5) / support
    weight = ((source >= low) & (source < high) & (at > -0.5) & (at <= 0.5)) * 1.0
    return weight / weight.sum(1, keepdims=True)


def pixelate(x, constant, rng):
    side, small = x.shape[1], int(x.shape[1] * constant)
    there_and_back = box_matrix(small, side) @ box_matrix(side, small)
    return there_and_back @ x @ there_and_back.T


def contrast(x, constant, rng):
    mean = x.mean(axis=(1, 2), keepdims=True)
    return (x - mean) * constant + mean


OPERATIONS = {f.__name__: f for f in (motion_blur, impulse_noise, gaussian_noise, pixelate, contrast)}


def corrupt(images, name, severity, rng):
    x = OPERATIONS[name](images / 255.0, CONSTANTS[name][severity - 1], rng)
    return np.rint(np.clip(x, 0, 1) * 255).astype(np.uint8)
