"""Writes the results as Markdown, JSON and plots into results/."""
import json
import math
import time

import tools


class Report:
    def __init__(self, name, command):
        self.name, self.command = name, command
        self.sections, self.data, self.plots = [], {}, []
        self.machine, self.versions = tools.machine(), None

    def section(self, title, note, columns, rows, data=None):
        """Adds a table, and prints it at once."""
        text = f"## {title}\n\n{note}\n\n" + table(columns, rows)
        self.sections.append(text)
        self.data[title] = data if data is not None else {"columns": columns, "rows": rows}
        print("\n" + text, flush=True)

    def plot(self, name, title, x, y, series, note=""):
        """series: {label: [(x, y)]}; both axes logarithmic: growth is a slope."""
        self.plots.append((name, title, x, y, series))
        text = f"### {title}\n\n{note}\n\n![{title}]({self.name}-{name}.png)\n\n```\n" + \
               draw(series, x, y) + "\n```\n"
        self.sections.append(text)
        print("\n" + text, flush=True)

    def missing(self, what, why):
        self.sections.append(f"*{what}: not measured, {why}.*\n")
        print(f"{what}: not measured, {why}", flush=True)

    def write(self):
        folder = tools.BENCH / "results"
        folder.mkdir(exist_ok=True)
        self.versions = tools.versions()
        head = (f"# {self.name}\n\n`{self.command}`, {time.strftime('%Y-%m-%d')}. "
                "`middle (least–most)` is over the rounds; ratios are taken within a round.\n\n"
                + line(self.machine) + "\n\n" + line(self.versions) + "\n")
        (folder / f"{self.name}.md").write_text(head + "\n" + "\n".join(self.sections))
        (folder / f"{self.name}.json").write_text(json.dumps(
            {"command": self.command, "machine": self.machine, "versions": self.versions,
             "data": self.data}, indent=1) + "\n")
        for plot in self.plots:
            self.picture(folder, *plot)
        print(f"\nWritten: tests/bench/results/{self.name}.md")

    def picture(self, folder, name, title, x, y, series):
        import matplotlib
        matplotlib.use("Agg")
        from matplotlib import pyplot
        figure, axes = pyplot.subplots(figsize=(7, 4.2))
        for label, points in series.items():
            axes.plot(*zip(*points), marker="o", label=label)
        axes.set(title=title, xlabel=x, ylabel=y, xscale="log", yscale="log")
        axes.grid(True, which="both", alpha=0.25)
        axes.legend(fontsize=8)
        figure.tight_layout()
        figure.savefig(folder / f"{self.name}-{name}.png", dpi=110, metadata={"Software": None})
        pyplot.close(figure)


def line(values):
    return " · ".join(f"{k} {v}" for k, v in values.items())


def table(columns, rows):
    rows = [[str(c) for c in row] for row in rows]
    widths = [max(len(r[i]) for r in [columns] + rows) for i in range(len(columns))]

    def one(row):
        return "| " + " | ".join(c.ljust(w) for c, w in zip(row, widths)) + " |\n"
    return one(columns) + "|" + "|".join("-" * (w + 2) for w in widths) + "|\n" + \
        "".join(one(r) for r in rows)


def draw(series, x, y, width=64, height=14):
    """The same plot as text."""
    points = [(math.log10(a), math.log10(max(b, 1e-9))) for s in series.values() for a, b in s]
    if not points:
        return "(nothing)"
    left, right = min(p[0] for p in points), max(p[0] for p in points)
    low, high = min(p[1] for p in points), max(p[1] for p in points)
    low, high = low - 0.05, max(high + 0.05, low + 1)
    right = max(right, left + 1e-9)
    grid = [[" "] * width for _ in range(height)]
    marks = "ox+*#@%&"
    for mark, values in zip(marks, series.values()):
        for a, b in values:
            column = round((math.log10(a) - left) / (right - left) * (width - 1))
            row = round((high - math.log10(max(b, 1e-9))) / (high - low) * (height - 1))
            grid[row][column] = mark
    lines = [f"{10 ** high:>10,.4g} |" + "".join(grid[0])]
    lines += [" " * 10 + " |" + "".join(row) for row in grid[1:-1]]
    lines += [f"{10 ** low:>10,.4g} |" + "".join(grid[-1]), " " * 11 + "+" + "-" * width,
              " " * 12 + f"{10 ** left:<12,.4g}" + " " * (width - 24) + f"{10 ** right:>12,.4g}",
              f"{y} over {x}: " + ", ".join(f"{m} {n}" for m, n in zip(marks, series))]
    return "\n".join(row.rstrip() for row in lines)
