"""Draws the images of the demo zoo: five families of 28x28 gray images, made with numpy alone.

    python generate.py [--out zoo]

writes the *test* images (the probes) as gzip'd IDX files.  The training images are drawn by train.py through
`draw(task, split)`; they are cheap to draw again and are therefore not kept.

Every draw is keyed by (SEED, task, split), so that one family can change without moving the others.
"""
import argparse
import gzip
import pathlib
import struct
import zlib

import numpy as np

SEED = 20240607
SIDE = 28
COUNTS = {"train": 6000, "test": 720}
# Gray levels are multiples of 17: sixteen of them look the same to a model and make the gzip'd files half as large.
LEVELS = 16


def stream(*key):
    """A random generator of its own for every purpose."""
    words = [SEED] + [zlib.crc32(str(part).encode()) for part in key]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(words)))


# --- geometry shared by the families -------------------------------------------------------------------------------------

def pixel_grid():
    """(SIDE*SIDE, 2) pixel centres (x right, y down) in [-1, 1]."""
    axis = (np.arange(SIDE) + 0.5) / SIDE * 2 - 1
    x, y = np.meshgrid(axis, axis)
    return np.stack([x.ravel(), y.ravel()], axis=-1)


def random_pose(rng, n, rotation, scale, shift):
    """n random similarity transforms with a little shear: matrices (n,2,2) and offsets (n,2)."""
    angle = rng.normal(0, np.radians(rotation), n)
    size = rng.uniform(scale[0], scale[1], n)
    stretch = rng.normal(0, 0.12, n)
    shear = rng.normal(0, 0.12, n)
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)
    skew = np.zeros((n, 2, 2))
    skew[:, 0, 0], skew[:, 1, 1], skew[:, 0, 1] = 1 + stretch, 1 - stretch, shear
    return turn @ skew * size[:, None, None], rng.uniform(-shift, shift, (n, 2))


def distance_to_segments(segments):
    """Distance of every pixel to the nearest of each image's segments; segments: (n, s, 2, 2) as (start, end)."""
    pixels = pixel_grid()[None]
    nearest = np.full((segments.shape[0], pixels.shape[1]), np.inf)
    for s in range(segments.shape[1]):
        start, along = segments[:, s, 0], segments[:, s, 1] - segments[:, s, 0]
        offset = pixels - start[:, None]
        length2 = np.maximum((along ** 2).sum(-1), 1e-9)
        t = np.clip(np.einsum("npc,nc->np", offset, along) / length2[:, None], 0, 1)
        gap = offset - t[..., None] * along[:, None]
        np.minimum(nearest, (gap ** 2).sum(-1), out=nearest)
    return np.sqrt(nearest)


def ink(signed_distance):
    """Anti-aliased coverage: 1 inside (negative distance), 0 outside, one pixel of ramp."""
    return np.clip(0.5 - signed_distance * SIDE / 2, 0, 1)


def smooth_noise(rng, n, cells):
    """A random field that varies over SIDE/cells pixels, in [-1, 1]; bilinear between random grid values."""
    grid = rng.uniform(-1, 1, (n, cells + 1, cells + 1))
    at = (np.arange(SIDE) + 0.5) / SIDE * cells
    low = at.astype(int)
    part = at - low
    rows = grid[:, low] * (1 - part)[:, None] + grid[:, low + 1] * part[:, None]
    return (rows[:, :, low] * (1 - part) + rows[:, :, low + 1] * part).reshape(n, -1)


def paint(rng, coverage, noise):
    """Lays the drawing (coverage in [0,1]) in a random ink on a random uneven paper, adds noise, rounds to LEVELS."""
    n = len(coverage)
    paper = rng.uniform(0.0, 0.3, (n, 1)) + 0.15 * smooth_noise(rng, n, 3)
    contrast = rng.uniform(0.35, 0.7, (n, 1))
    image = paper + coverage * contrast + rng.normal(0, noise, coverage.shape)
    return np.rint(np.clip(image, 0, 1) * (LEVELS - 1)).astype(np.uint8) * (255 // (LEVELS - 1))


# --- stroke families: digits and glyphs ----------------------------------------------------------------------------------

def arc(cx, cy, rx, ry, start, stop, steps=7):
    """Points on an ellipse; angles in degrees, y down, so that positive angles run clockwise."""
    angle = np.radians(np.linspace(start, stop, steps))
    return [(cx + rx * np.cos(a), cy + ry * np.sin(a)) for a in angle]


def digit_strokes():
    """Ten digits as polylines in [-1, 1]^2."""
    return [
        [arc(0, 0, .5, .8, 0, 360, 11)],
        [[(-.3, -.5), (.1, -.8), (.1, .8)]],
        [arc(0, -.35, .5, .45, 190, 380, 6) + [(-.5, .8), (.5, .8)]],
        [arc(0, -.4, .45, .4, 200, 450, 6), arc(0, .4, .5, .42, 270, 510, 6)],
        [[(.25, .8), (.25, -.8), (-.5, .25), (.55, .25)]],
        [[(.45, -.8), (-.35, -.8), (-.4, -.05)] + arc(0, .3, .5, .5, 230, 510, 7)],
        [[(.35, -.8), (-.35, 0)] + arc(0, .35, .45, .45, 180, 540, 9)],
        [[(-.5, -.8), (.5, -.8), (-.1, .8)]],
        [arc(0, -.4, .38, .38, 90, 450, 8), arc(0, .4, .48, .42, -90, 270, 8)],
        [arc(0, -.35, .45, .45, 0, 360, 9), [(.45, -.35), (.3, .8)]],
    ]


def glyph_strokes(classes=12, points=4):
    """An invented alphabet: each letter is one path over a 3x3 lattice plus one detached tick."""
    rng = stream("glyphs", "alphabet")
    lattice = [(x, y) for y in (-.7, 0, .7) for x in (-.6, 0, .6)]
    letters = []
    for _ in range(classes):
        order = rng.permutation(len(lattice))
        path = [lattice[i] for i in order[:points]]
        tick = [lattice[i] for i in order[points:points + 2]]
        letters.append([path, tick])
    return letters


def as_segments(letters):
    """(classes, s, 2, 2); short letters repeat their last segment so that all have as many."""
    lists = [[(a, b) for line in letter for a, b in zip(line[:-1], line[1:])] for letter in letters]
    most = max(map(len, lists))
    return np.array([segments + [segments[-1]] * (most - len(segments)) for segments in lists])


def draw_strokes(rng, labels, letters, wobble, rotation, noise):
    segments = as_segments(letters)[labels]
    n = len(labels)
    matrix, offset = random_pose(rng, n, rotation, (0.65, 0.88), 0.15)
    # A hand wobbles smoothly: points that coincide in the letter must move together, hence a field and not free noise.
    bend, phase = rng.normal(0, 1.5, (n, 2, 2)), rng.uniform(0, 2 * np.pi, (n, 1, 1, 2))
    segments = segments + wobble * np.sin(np.einsum("nsec,ndc->nsed", segments, bend) + phase)
    segments = np.einsum("nsec,ndc->nsed", segments, matrix) + offset[:, None, None]
    thickness = rng.uniform(0.05, 0.14, (n, 1))
    return paint(rng, ink(distance_to_segments(segments) - thickness), noise)


def draw_digits(rng, labels):
    return draw_strokes(rng, labels, digit_strokes(), wobble=0.14, rotation=10, noise=0.02)


def draw_glyphs(rng, labels):
    return draw_strokes(rng, labels, glyph_strokes(), wobble=0.14, rotation=10, noise=0.02)


# --- shapes --------------------------------------------------------------------------------------------------------------

def polygon(radii, turn=0.0):
    """Corners at equal angles with the given radii."""
    angle = np.radians(turn - 90) + 2 * np.pi * np.arange(len(radii)) / len(radii)
    return np.stack([np.cos(angle) * radii, np.sin(angle) * radii], -1)


def shape_outlines():
    """Eight closed outlines: polygons, and curves as polygons of many corners."""
    bar, end = 0.27, 0.8
    cross = [(-bar, -end), (bar, -end), (bar, -bar), (end, -bar), (end, bar), (bar, bar), (bar, end), (-bar, end), (-bar, bar),
             (-end, bar), (-end, -bar), (-bar, -bar)]
    crescent = arc(0, 0, .8, .8, 60, 300, 9) + arc(.35, 0, .62, .62, 270, 90, 7)
    return [
        polygon(np.full(20, .75)),
        polygon(np.full(4, .9), 45),
        polygon(np.full(3, .9)),
        polygon(np.array([.95, .42] * 5)),
        np.array(cross),
        np.array(crescent),
        np.array([(-.85, -.3), (.85, -.3), (.85, .3), (-.85, .3)]),
        np.array(arc(0, .35, .85, .85, 180, 360, 11)),
    ]


def inside(outline, points):
    """Even-odd rule; outline (k, 2), points (n, p, 2)."""
    result = np.zeros(points.shape[:2], bool)
    for (x0, y0), (x1, y1) in zip(outline, np.roll(outline, -1, axis=0)):
        if y0 == y1:
            continue
        between = (points[..., 1] >= min(y0, y1)) & (points[..., 1] < max(y0, y1))
        crossing = x0 + (points[..., 1] - y0) * (x1 - x0) / (y1 - y0)
        result ^= between & (points[..., 0] < crossing)
    return result


def draw_shapes(rng, labels):
    n = len(labels)
    matrix, offset = random_pose(rng, n, 10, (0.45, 0.8), 0.22)
    signed = np.empty((n, SIDE * SIDE))
    for label, outline in enumerate(shape_outlines()):
        rows = np.flatnonzero(labels == label)
        placed = np.einsum("kc,ndc->nkd", outline, matrix[rows]) + offset[rows][:, None]
        edge = distance_to_segments(np.stack([placed, np.roll(placed, -1, axis=1)], axis=2))
        local = np.einsum("npc,ndc->npd", pixel_grid()[None] - offset[rows][:, None], np.linalg.inv(matrix[rows]))
        signed[rows] = np.where(inside(outline, local), -edge, edge)
    outlined = rng.random((n, 1)) < 0.4
    thickness = rng.uniform(0.04, 0.10, (n, 1))
    return paint(rng, np.where(outlined, ink(np.abs(signed) - thickness), ink(signed)), noise=0.02)


# --- gratings and textures -----------------------------------------------------------------------------------------------

def draw_gratings(rng, labels):
    """Class = 5 orientations x 2 frequencies; both are drawn around the class centre and overlap a little."""
    n = len(labels)
    orientation, band = labels % 5, labels // 5
    angle = np.radians(36 * orientation + rng.normal(0, 7.5, n))
    frequency = np.array([2.1, 3.5])[band] * np.exp(rng.normal(0, 0.13, n))
    pixels = pixel_grid()
    along = np.cos(angle)[:, None] * pixels[:, 0] + np.sin(angle)[:, None] * pixels[:, 1]
    phase = rng.uniform(0, 2 * np.pi, (n, 1))
    wave = 0.5 + 0.5 * np.sin(np.pi * frequency[:, None] * along + phase + 0.5 * smooth_noise(rng, n, 3))
    centre, width = rng.uniform(-0.35, 0.35, (n, 1, 2)), rng.uniform(0.5, 0.9, (n, 1))
    window = np.exp(-((pixels - centre) ** 2).sum(-1) / (2 * width ** 2))
    return paint(rng, wave * window, noise=0.02)


def texture_fields(rng, u, v):
    """Eight textures on local coordinates u, v (n, p) whose unit is one period."""
    cell_u, cell_v = u - np.floor(u), v - np.floor(v)
    row = np.floor(v)
    shifted = u + 0.5 * (row % 2)
    centre_distance = np.hypot(cell_u - .5, cell_v - .5)
    hex_distance = np.hypot(shifted - np.floor(shifted) - .5, cell_v - .5)
    return [
        ((np.floor(u) + np.floor(v)) % 2),                                          # checkerboard
        (centre_distance < .3) * 1.0,                                               # dots on a square lattice
        (hex_distance < .3) * 1.0,                                                  # dots, every other row shifted
        ((cell_v < .22) | (shifted / 2 - np.floor(shifted / 2) < .11)) * 1.0,       # bricks
        ((cell_u < .22) | (cell_v < .22)) * 1.0,                                    # a square net
        (np.abs(cell_v - .5 - .35 * np.sin(2 * np.pi * u * .5)) < .2) * 1.0,        # waves
        (np.abs(cell_v - .5 - 2 * .35 * (np.abs(u * .5 - np.floor(u * .5) - .5) * 2 - .5)) < .2) * 1.0,  # zigzag
        (np.abs(hex_distance - .38) < .11) * 1.0,                                   # scales
    ]


def draw_textures(rng, labels):
    n = len(labels)
    matrix, _ = random_pose(rng, n, 10, (0.85, 1.2), 0)
    period = rng.uniform(0.30, 0.52, (n, 1))
    phase = rng.uniform(0, 50, (n, 2))
    local = np.einsum("pc,ndc->npd", pixel_grid(), matrix)
    warp = 0.12 * smooth_noise(rng, n, 4)
    fields = texture_fields(rng, local[..., 0] / period + phase[:, :1] + warp, local[..., 1] / period + phase[:, 1:] - warp)
    return paint(rng, np.stack(fields)[labels, np.arange(n)], noise=0.02)


# --- tasks and files -----------------------------------------------------------------------------------------------------

TASKS = {
    "digits": (10, draw_digits),
    "shapes": (8, draw_shapes),
    "glyphs": (12, draw_glyphs),
    "gratings": (10, draw_gratings),
    "textures": (8, draw_textures),
}


def draw(task, split, chunk=500):
    """Images (n, SIDE, SIDE) uint8 and labels (n,) uint8 of one task's "train" or "test" split."""
    classes, painter = TASKS[task]
    rng = stream(task, split)
    labels = rng.permutation(np.arange(COUNTS[split]) % classes)
    images = np.concatenate([painter(rng, labels[i:i + chunk]) for i in range(0, len(labels), chunk)])
    return images.reshape(-1, SIDE, SIDE), labels.astype(np.uint8)


def write_idx(path, array):
    """The MNIST format: magic 0x08 for bytes and the rank, big-endian sizes, then the bytes; gzip'd without a time stamp."""
    header = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(gzip.compress(header + array.tobytes(), compresslevel=9, mtime=0))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent / "zoo")
    folder = parser.parse_args().out / "images"
    folder.mkdir(parents=True, exist_ok=True)
    for task in TASKS:
        images, labels = draw(task, "test")
        write_idx(folder / f"{task}-images.idx.gz", images)
        write_idx(folder / f"{task}-labels.idx.gz", labels)
        print(f"{task}: {len(images)} images, {(folder / f'{task}-images.idx.gz').stat().st_size} bytes")


if __name__ == "__main__":
    main()
