"""Compares the commands that mongo-proxy saw during a run with the
catalogue of reviewed shapes (tests/proxy/catalogue.tsv: shape, tab, the index that serves it)."""
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "proxy"))

import plans  # noqa: E402

CATALOGUE = HERE / "proxy" / "catalogue.tsv"
seen = {"broken": set(), "shape": set(), "index": set()}


def read(report):
    """Reads a report: lines of kind, tab, text."""
    for line in report.splitlines():
        kind, text = line.split("\t", 1)
        seen[kind].add(text)


def take(stack):
    """Keeps the report of a stack's proxy before the stack is stopped."""
    report = (stack.data / "log" / "proxy.report").read_text()
    read(report)
    if "TASKWIRE_ARTIFACTS" in os.environ:
        name = os.environ.get("TASKWIRE_SUITE", "proxy") + ".report"
        (pathlib.Path(os.environ["TASKWIRE_ARTIFACTS"]) / name).write_text(report)


def catalogue():
    lines = CATALOGUE.read_text().splitlines()
    return dict(line.split("\t") for line in lines if line and not line.startswith("#"))


def indexes():
    return [plans.Index(line) for line in sorted(seen["index"])]


def is_served(shape):
    """Lists, whose filters a client combines, and what has no filter: a line `PREFIX*`, tab, `served`
    has them all, as long as some index serves each."""
    prefixes = [line[:-1] for line, index in catalogue().items() if index == "served"]
    return shape.startswith(tuple(prefixes)) and "scan:" not in plans.suggest(shape, indexes())


def new_lines():
    """A line for every shape that is missing from the catalogue."""
    new = sorted(shape for shape in seen["shape"] - catalogue().keys() if not is_served(shape))
    return [f"{shape}\t{plans.suggest(shape, indexes())}" for shape in new]


def complaints():
    """The reasons for which a run fails."""
    found = [f"breaks a rule: {text}" for text in sorted(seen["broken"])]
    found += [f"is not in tests/proxy/catalogue.tsv; review it and add:\n    {line}" for line in new_lines()]
    for shape, index in catalogue().items():
        wrong = plans.judge(shape, index, indexes()) if seen["index"] else None
        if wrong:
            found.append(f"has no plan: {shape}: {wrong}")
    return found
