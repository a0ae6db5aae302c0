"""Fits the calibration of the readers' confidence to what porchlight vision eval
measured, by isotonic regression, and prints it as the knots of calibrate.go, with
the reliability before.

Set the knots of calibrate.go to {{0, 0}, {1, 1}} first, then
  porchlight vision eval PHOTOS --json eval.json; calibrate.py eval.json
"""

import json
import sys


def isotonic(pairs):
    """Pools adjacent violators: (confidence, share right, how many), rising."""
    pools = []
    for c, right in sorted(pairs):
        pools.append([c, float(right), 1])
        while len(pools) > 1 and pools[-2][1] >= pools[-1][1]:
            c2, r2, n2 = pools.pop()
            c1, r1, n1 = pools.pop()
            n = n1 + n2
            pools.append([(c1 * n1 + c2 * n2) / n, (r1 * n1 + r2 * n2) / n, n])
    return pools


def main():
    said = [(s["confidence"], s["right"]) for s in json.load(open(sys.argv[1]))["said"]]
    edges = [0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 1.0001]
    for a, b in zip(edges, edges[1:]):
        got = [r for c, r in said if a <= c < b]
        if got:
            print(f"// {a:.2f} to {min(b, 1):.2f}: {len(got)} said, {100 * sum(got) / len(got):.0f} % right")
    # Few readings say little: each pool is drawn towards its own confidence by two
    # readings, and nothing is certain.
    knots = [(0.0, 0.0)]
    for c, r, n in isotonic(said):
        y = min((r * n + 2 * c) / (n + 2), 0.99)
        if n >= 5 and c - knots[-1][0] > 0.01 and y >= knots[-1][1]:
            knots.append((round(c, 3), round(y, 3)))
    if knots[-1][0] < 1:
        knots.append((1.0, max(0.99, knots[-1][1])))
    print("var knots = [][2]float32{" + ", ".join("{%g, %g}" % k for k in knots) + "}")


if __name__ == "__main__":
    main()
