#!/usr/bin/env python3
"""The direction of #include: within a program from the upper layers to the lower ones, and never in a
circle of files.  Prints each breach and ends with 1 when there is one.  `includes.py FOLDER` checks
another tree."""
import pathlib
import re
import sys

# Folders from the lowest up.  A file includes its own folder's and lower ones' headers; folders of one
# line do not include each other's.
LAYERS = """
api/schema api/filter
api/http
api/access
api/crud
api/queue api/server
api/account api/batch
api/v1
api/v1/tasks
api/v1/projects
api/v1/accounts api/v1/sessions api/v1/sync
api/jobs
api
push/base
push/sources
push/topics
push/net
push/clients
push/events
"""
CIRCLES = ["api", "common", "push"]  # rooms whose files must not include each other in a circle

LEVEL = {folder: n for n, line in enumerate(LAYERS.split("\n")) for folder in line.split()}
INCLUDE = re.compile(r'^#include "((?:api|common|push)/[^"]+\.h)"', re.M)


def unit(name):
    """A source and its header are one."""
    return name.rsplit(".", 1)[0]


def read(top):
    """unit -> the units that it includes."""
    graph = {}
    for room in ("api", "common", "push"):
        for path in sorted((top / room).rglob("*.[ch]")):
            name = unit(str(path.relative_to(top)))
            found = {unit(i) for i in INCLUDE.findall(path.read_text())}
            graph.setdefault(name, set()).update(found - {name})
    return graph


def upward(graph):
    for name, included in sorted(graph.items()):
        here = name.rpartition("/")[0]
        for other in sorted(included):
            there = other.rpartition("/")[0]
            if here in LEVEL and there in LEVEL and here != there and LEVEL[there] >= LEVEL[here]:
                yield f"{name} includes {other}, which is no layer below it"


def circles(graph):
    """Each circle once, as the path that closes it."""
    done, path, on_path = set(), [], set()

    def walk(name):
        path.append(name)
        on_path.add(name)
        for other in sorted(graph.get(name, ())):
            if other.split("/")[0] not in CIRCLES:
                continue
            if other in on_path:
                yield " -> ".join(path[path.index(other):] + [other])
            elif other not in done:
                yield from walk(other)
        on_path.discard(path.pop())
        done.add(name)

    for name in sorted(graph):
        if name not in done and name.split("/")[0] in CIRCLES:
            yield from walk(name)


def main(arguments):
    top = pathlib.Path(arguments[0] if arguments else pathlib.Path(__file__).parent.parent)
    graph = read(top)
    breaches = [*upward(graph), *("a circle: " + c for c in circles(graph))]
    for breach in breaches:
        print(f"includes: {breach}", file=sys.stderr)
    return 1 if breaches else 0


sys.exit(main(sys.argv[1:]))
