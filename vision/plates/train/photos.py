"""Draws whole pictures with one plate each, of fonts and designs that the
recogniser was not trained on, in the form that porchlight vision eval reads.
They are rougher than photographs: what is measured on them shows that nothing is
broken and sets the calibration, not how well real plates are read.

photos.py COUNT NPM OUT [us|eu|br]
"""

import os
import sys

import numpy as np
from PIL import Image, ImageDraw

import draw


def drawn(m, index, only):
    """A drawn plate of one kind as photo wants it."""
    r = draw.Rand(7, 2, index, draw.KINDS.index(only))
    r.words = m.words
    r.pick_row = lambda kind: m.rows[kind][int(np.searchsorted(m.weights[kind], r.g.random()))]
    return r, draw.scene(r, None, m.plates, only)


def photo(r, p):
    """A picture of 960 by 720 that shows a plate, and the plate's box in it."""
    w, h = 960, 720
    back = draw.car(r, w, h)
    for _ in range(r.whole(0, 3)):
        other = draw.lettering(r)
        k = r(0.2, 0.9)
        back.paste(other.img.resize((int(other.w * k), int(other.h * k))), (r.whole(0, 600), r.pick([r.whole(0, 120), r.whole(560, 640)])))
    pixels = np.exp(r(np.log(16), np.log(80)))  # of a character's height
    k = pixels / (p.box[3] - p.box[1])
    iw, ih = p.img.size
    if k < 0.6:
        n = max(1, round(0.8 / k))
        small = p.img.reduce(n)
    else:
        n, small = 1, p.img
    squeeze, turn, shear = r(0.72, 1.0), r.normal(0.06), r.normal(0.06)
    key = r.normal(0.05)
    cx, cy = r(0.35, 0.65) * w, r(0.4, 0.7) * h

    def place(x, y):  # a point of the scene in the picture
        u, v = (x - iw / 2) * k * squeeze, (y - ih / 2) * k
        v = v * (1 + key * u / (iw * k / 2)) + shear * u
        return cx + u * np.cos(turn) - v * np.sin(turn), cy + u * np.sin(turn) + v * np.cos(turn)

    corners = [place(x, y) for x, y in ((0, 0), (iw, 0), (iw, ih), (0, ih))]
    # Image.transform wants where each pixel of the result comes from.
    a, b = [], []
    for (x, y), (u, v) in zip(corners, ((0, 0), (iw / n, 0), (iw / n, ih / n), (0, ih / n))):
        a += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        b += [u, v]
    coefficients = np.linalg.solve(np.asarray(a, float), np.asarray(b, float))
    warped = small.transform((w, h), Image.PERSPECTIVE, coefficients, Image.BILINEAR)
    mask = Image.new("L", (w, h), 0)
    ImageDraw.Draw(mask).polygon(corners, fill=255)
    back.paste(warped, (0, 0), mask)
    plate = [place(x, y) for x in (p.plate[0], p.plate[2]) for y in (p.plate[1], p.plate[3])]
    xs, ys = [q[0] for q in plate], [q[1] for q in plate]
    a = draw.light(r, np.asarray(back, np.float32), pixels)
    img = Image.fromarray(np.clip(a, 0, 255).astype(np.uint8))
    return img, (min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))


def save(r, p, name):
    """Writes the photo and, beside it, what porchlight vision eval is to compare."""
    img, box = photo(r, p)
    img.save(name + ".jpg", quality=r.whole(35, 95))
    with open(name + ".txt", "w") as f:
        f.write("\t".join([os.path.basename(name) + ".jpg"] + [str(round(v)) for v in box] + [p.text]) + "\n")


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    count, npm, out = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    m = draw.Maker("val", npm)
    os.makedirs(out, exist_ok=True)
    for kind in sys.argv[4:] or ["us", "eu", "br"]:
        for i in range(count):
            save(*drawn(m, i, kind), os.path.join(out, f"{kind}-{i:04d}"))


if __name__ == "__main__":
    main()
