#!/usr/bin/env python3
"""The table of measurements once more, by another route.

Reads JSON from standard input, a list of films
    {"landmarks": [[x, y] or null, ... 34 in the order of the index], "facing": "left"|"right", "spacing_mm": number}
with x to the right and y down in pixels, and writes a list of {"<name> <level>": value}. Nothing is checked and nothing
withheld: this is only the arithmetic, written from docs/measurements.md without a look at the Rust.

Points are complex numbers, angles are phases of quotients, crossings are solved as linear systems, and the nearest
point of the spinolaminar line is searched for rather than projected. Standard library only.
"""

import cmath
import json
import math
import sys

BODIES = ["C2", "C3", "C4", "C5", "C6", "C7"]


def degrees_between(upper, lower):
    """How far `upper` is turned counter-clockwise from `lower`."""
    return math.degrees(cmath.phase(upper / lower))


def solve(a, b, c, d, e, f):
    """(x, y) of a·x + b·y = e, c·x + d·y = f, by Cramer's rule."""
    det = a * d - b * c
    return (e * d - b * f) / det, (a * f - e * c) / det


def crossing(p, q, r, s):
    """Where the line through p and q meets the line through r and s, from their normal forms."""

    def normal_form(u, v):
        a, b = v.imag - u.imag, u.real - v.real
        return a, b, a * u.real + b * u.imag

    (a, b, e), (c, d, f) = normal_form(p, q), normal_form(r, s)
    return complex(*solve(a, b, c, d, e, f))


def nearest(point, p, q):
    """The distance of `point` to the stretch from p to q: a ternary search, the distance being convex along it."""
    low, high = 0.0, 1.0
    for _ in range(200):
        third = (high - low) / 3
        if abs(point - p - (low + third) * (q - p)) < abs(point - p - (high - third) * (q - p)):
            high -= third
        else:
            low += third
    return abs(point - p - low * (q - p))


def table(film):
    side = {"left": -1.0, "right": 1.0}[film["facing"]]
    mm = film["spacing_mm"]
    z = [None if p is None else complex(side * p[0], -p[1]) for p in film["landmarks"]]
    # Antero-superior, antero-inferior, postero-superior, postero-inferior of each body.
    body = {name: z[4 * i : 4 * i + 4] for i, name in enumerate(BODIES)}
    line = {name: z[24 + 2 * i : 26 + 2 * i] for i, name in enumerate(BODIES[1:])}
    top = {name: c[0] - c[2] for name, c in body.items()}
    bottom = {name: c[1] - c[3] for name, c in body.items()}

    out = {
        "c2_c7_cobb ": degrees_between(bottom["C2"], bottom["C7"]),
        "c2_c6_cobb ": degrees_between(bottom["C2"], bottom["C6"]),
        "c2_slope ": -math.degrees(cmath.phase(bottom["C2"])),
        "c7_slope ": -math.degrees(cmath.phase(top["C7"])),
    }
    p1, p2, p3, p4 = body["C2"]
    out["sva "] = mm * (crossing(p1, p4, p2, p3) - body["C7"][2]).real

    for upper, lower in zip(BODIES, BODIES[1:]):
        level = f" {upper}-{lower}"
        u, w = body[upper], body[lower]
        out["segmental_angle" + level] = degrees_between(bottom[upper], top[lower])
        out["slip_angle" + level] = degrees_between(u[2] - u[3], w[2] - w[3])
        # Lay the upper wall upright on the imaginary axis; the lower corner's real part is then minus the slip.
        upright = (u[2] - u[3]) / abs(u[2] - u[3]) / 1j
        out["slip_distance" + level] = -mm * ((w[2] - u[3]) / upright).real
        out["disc_height_anterior" + level] = mm * abs(u[1] - w[0])
        out["disc_height_middle" + level] = mm * abs((u[1] + u[3]) - (w[0] + w[2])) / 2
        out["disc_height_posterior" + level] = mm * abs(u[3] - w[2])

    for name in BODIES[1:]:
        corners = body[name]
        depth = abs(corners[0] + corners[1] - corners[2] - corners[3]) / 2
        canal = nearest((corners[2] + corners[3]) / 2, *line[name])
        out["sdvb " + name] = mm * depth
        out["sdvc " + name] = mm * canal
        out["pavlov " + name] = canal / depth
        out["body_wedge " + name] = degrees_between(top[name], bottom[name])
    return out


if __name__ == "__main__":
    json.dump([table(film) for film in json.load(sys.stdin)], sys.stdout)
