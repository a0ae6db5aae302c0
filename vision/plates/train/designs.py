"""Puts numbers on pictures of real plates without characters, and writes them as
photographs in the form that porchlight vision eval reads.

designs.py COUNT FONTS DESIGNS OUT

COUNT is how many of each design, DESIGNS a folder of pictures, each of one whole
blank plate of the United States and named by its state: il2002.jpg. Formats and
colours are those of draw.py for that state, fonts those that the recogniser was not
trained on, the camera that of photos.py. What is measured shows how real grounds,
pictures, names and slogans are borne; characters and camera are drawn all the same.
The number stands beside what is at the design's edge, and over what is in its middle.
"""

import os
import sys

import numpy as np
from PIL import Image

import draw
import photos


def contrast(a, b):
    return abs(np.dot((0.3, 0.59, 0.11), np.subtract(a, b)))


def free(img):
    """Where the number's room begins and ends: beside an animal, an emblem, a tree."""
    band = np.asarray(img.convert("L"), np.float32)[46:106]
    busy = (np.abs(band - np.median(band)) > 55).mean(0) > 0.25

    def end(columns):
        last = first = columns[0]
        for x in columns:
            if abs(x - last) > 14:  # what comes next is no longer at the edge
                break
            last = x if busy[x] else last
        return last if abs(last - first) > 14 else first

    third = img.width // 3
    return end(range(8, third)) + 4, end(range(img.width - 8, img.width - third, -1)) - 4


def plate(r, m, rows, state, blank):
    """The blank plate with a number of its state, before a piece of car."""
    p = draw.Plate(r, 306, 152)
    p.img = blank.resize((p.w, p.h), Image.LANCZOS)
    left, right = free(p.img)
    ground = np.asarray(p.img)[40:112, left:right].reshape(-1, 3).mean(0)
    ink = max((draw.rgb(c) for c in draw.STATES[state][2]), key=lambda c: contrast(c, ground))
    if contrast(ink, ground) < 60:  # the design is of other years than the colours
        ink = (24, 28, 60) if ground.mean() > 128 else (240, 240, 235)
    _, _, pattern, letters = rows[int(r.g.choice(len(rows), p=[x[1] / sum(x[1] for x in rows) for x in rows]))]
    text = draw.pattern_text(r, pattern, letters)
    r.gap_wide, r.gap_dash = r(0.2, 0.7), r(0.25, 0.42)
    p.characters(text, r.pick(m.plates), draw.vary(r, ink, 10), r(64, 78), (left + right) / 2 + r.normal(2), 76 + r.normal(2), min(r(256, 288), right - left), r(0.44, 0.6), r(0.08, 0.18), r.pick([0, 1, 1, 2]), r.pick(["-", ""]) if "-" in text else "")
    if r.chance(0.3):
        draw.frame(r, p, r.pick(r.words))
    return draw.mounted(r, p)


def main():
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    count, npm, designs, out = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
    m = draw.Maker("val", npm)
    formats = [row for row in draw.formats() if row[0].startswith("US-")]
    os.makedirs(out, exist_ok=True)
    for k, name in enumerate(sorted(os.listdir(designs))):
        state = name[:2].upper()
        rows = [row for row in formats if row[0] == "US-" + state]
        if state not in draw.STATES or not rows:
            sys.exit(f"{name}: name each design by its state, il2002.jpg")
        blank = Image.open(os.path.join(designs, name)).convert("RGB")
        for i in range(count):
            r = draw.Rand(11, 3, k, i)
            r.words = m.words
            photos.save(r, plate(r, m, rows, state, blank), os.path.join(out, f"{os.path.splitext(name)[0]}-{i:02d}"))


if __name__ == "__main__":
    main()
