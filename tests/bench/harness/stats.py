"""Rounds, in each of which every system runs once, in rotating order; and statistics of the results."""
import statistics


def rounds(count, systems):
    """(round, name, system) in a rotating order, so that none is always first."""
    names = list(systems)
    for n in range(count):
        k = n % len(names)
        for name in names[k:] + names[:k]:
            yield n, name, systems[name]


class Figures:
    """figures[name][measure] = a value per round."""

    def __init__(self):
        self.by_name = {}

    def add(self, name, **measures):
        for measure, value in measures.items():
            self.by_name.setdefault(name, {}).setdefault(measure, []).append(value)

    def names(self):
        return list(self.by_name)

    def of(self, name, measure):
        return self.by_name.get(name, {}).get(measure, [])

    def middle(self, name, measure):
        values = self.of(name, measure)
        return statistics.median(values) if values else None

    def ratios(self, name, to, measure):
        """One ratio per round, because noise in a round affects both sides."""
        return [a / b for a, b in zip(self.of(name, measure), self.of(to, measure)) if b]

    def json(self):
        return self.by_name


def spread(values, digits=None):
    """`middle (least-most)`."""
    if not values:
        return "-"
    return (f"{number(statistics.median(values), digits)} "
            f"({number(min(values), digits)}–{number(max(values), digits)})")


def number(value, digits=None):
    if value is None:
        return "-"
    if digits is None:
        digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 20 else 2
    return f"{value:,.{digits}f}"
