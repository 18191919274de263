# SPDX-License-Identifier: MIT
"""make bench-picture: draws the growth curves.  usage: picture.py BENCH.CSV PICTURE.SVG

The same CSV gives the same bytes.
"""

import csv
import math
import sys

WIDTH, HEIGHT, LEFT, TOP, BOTTOM, BETWEEN = 300, 230, 62, 58, 44, 78
COLUMNS = 2
OURS = ("scrape", "first scrape ever", "one decision", "processor time")
STYLES = {"scrape": ("#0b6e4f", 3), "one decision": ("#0b6e4f", 3), "first scrape ever": ("#59b58c", 2),
          "processor time": ("#59b58c", 2)}
OTHERS = ("#c1440e", "#3b5b92", "#8a6d3b", "#7a4e8c")
UNITS = ((1, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


def time_text(seconds):
    for unit, name in UNITS:
        if seconds >= unit * 0.999:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds * 1e9:.1g} ns"


def size_text(size):
    for unit, name in ((1_000_000, "M"), (1_000, "k")):
        if size >= unit:
            return f"{size // unit}{name}"
    return str(size)


def read(path):
    """curve -> series -> points, each in the file's order."""
    curves: dict = {}
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            points = curves.setdefault(row["curve"], {}).setdefault(row["series"], [])
            points.append((int(row["size"]), float(row["seconds"])))
    return curves


class Panel:
    """One curve in log-log; size 0 stands left of the axis' beginning."""

    def __init__(self, title, series, left, top):
        self.title, self.series, self.left, self.top = title, series, left, top
        points = [point for points in series.values() for point in points]
        self.sizes = sorted({size for size, _ in points})
        positive = [size for size in self.sizes if size]
        self.first, self.last = math.log10(positive[0]), math.log10(positive[-1])
        if self.sizes[0] == 0:
            self.first -= 1
        self.low = math.floor(math.log10(min(seconds for _, seconds in points)))
        self.high = math.ceil(math.log10(max(seconds for _, seconds in points)))

    def x(self, size):
        place = (math.log10(size) if size else self.first) - self.first
        return self.left + WIDTH * place / (self.last - self.first)

    def y(self, seconds):
        return self.top + HEIGHT * (self.high - math.log10(seconds)) / (self.high - self.low)

    def draw(self):
        yield f'<text class="title" x="{self.left}" y="{self.top - 34}">{self.title}</text>'
        for power in range(self.low, self.high + 1):
            y = self.y(10 ** power)
            yield f'<path class="grid" d="M{self.left} {y:.1f}h{WIDTH}"/>'
            yield f'<text class="y" x="{self.left - 6}" y="{y + 4:.1f}">{time_text(10 ** power)}</text>'
        shown = self.sizes if len(self.sizes) < 8 else [s for s in self.sizes if math.log2(s) % 4 == 0 or s == self.sizes[-1]]
        for size in shown:
            yield f'<text class="x" x="{self.x(size):.1f}" y="{self.top + HEIGHT + 18}">{size_text(size)}</text>'
        others = iter(OTHERS)
        for number, (name, points) in enumerate(self.series.items()):
            colour, width = STYLES[name] if name in STYLES else (next(others), 1.5)
            line = " ".join(f"{self.x(size):.1f},{self.y(seconds):.1f}" for size, seconds in points)
            yield f'<polyline points="{line}" stroke="{colour}" stroke-width="{width}"/>'
            yield from (f'<circle cx="{self.x(size):.1f}" cy="{self.y(seconds):.1f}" r="{width + 0.5}" fill="{colour}"/>'
                        for size, seconds in points)
            x, y = self.left + number % 3 * 108, self.top - 20 + number // 3 * 13
            label = f"<tspan font-weight=\"bold\">{name}</tspan>" if name in OURS else name
            yield f'<text x="{x}" y="{y}" fill="{colour}">{label}</text>'


def picture(curves):
    width = min(len(curves), COLUMNS) * (WIDTH + BETWEEN) + 12
    row = TOP + HEIGHT + BOTTOM
    height = (len(curves) + COLUMNS - 1) // COLUMNS * row
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">'
    yield ('<style>text{font:11px sans-serif}.title{font-size:14px;font-weight:bold}.y{text-anchor:end;fill:#555}'
           '.x{text-anchor:middle;fill:#555}.grid{stroke:#ddd}polyline{fill:none;stroke-linejoin:round}</style>')
    yield f'<rect width="{width}" height="{height}" fill="#fff"/>'
    for number, (title, series) in enumerate(curves.items()):
        left, top = LEFT + number % COLUMNS * (WIDTH + BETWEEN), TOP + number // COLUMNS * row
        yield from Panel(title, series, left, top).draw()
    yield (f'<text x="{LEFT}" y="{height - 8}" fill="#555">Bold: this responder. Both axes are '
           'logarithmic; medians, drawn by make bench-picture.</text>')
    yield "</svg>"


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: picture.py BENCH.CSV PICTURE.SVG")
    with open(sys.argv[2], "w", encoding="utf-8") as out:
        out.writelines(line + "\n" for line in picture(read(sys.argv[1])))
