"""How cost grows with the amount of data: tasks of a project, its members, sockets of a topic."""
import sys
import time as clock

from load_sockets import LoadSockets
from live import deliver, stacks_for
from proc import Meter
from rest import OPERATIONS, Bare, Http, note
from stats import Figures, number, rounds, spread


def cost(run, world, ids, operations):
    """{operation: figures} of one connection at a time."""
    systems = {"ours": Http(run.load, world, world.address, world.tiers(), "api"),
               "bare": Bare(run.load, world)}
    found = {}
    for title in operations:
        figures = Figures()
        for system in systems.values():
            system.run(OPERATIONS[title], run.pick(0.1, 0.5), ids, 1)
        for _, name, system in rounds(run.rounds, systems):
            note(figures, name, *system.run(OPERATIONS[title], run.pick(0.15, 1.0), ids, 1))
        found[title] = figures
    return found


def grow(run, world, title, unit, sizes, make, operations):
    """Measures at each size; make(size) gives the file of ids."""
    rows, data, time, cpu = [], {}, {}, {}
    for size in sizes:
        for operation, f in cost(run, world, make(size), operations).items():
            data[f"{operation} {size}"] = f.json()
            rows.append([f"{size:,}", operation, spread([v / 1000 for v in f.of("ours", "p50")]),
                         number(f.middle("bare", "p50") / 1000), spread(f.of("ours", "own"), 0),
                         spread(f.ratios("ours", "bare", "p50")), number(f.middle("ours", "db"), 0)])
            time.setdefault(operation, []).append((size, f.middle("ours", "p50") / 1000))
            cpu.setdefault(operation, []).append((size, f.middle("ours", "own")))
    run.report.section(f"Growth: {title}", "One connection. ms of the middle request, ours and bare; CPU "
                       "of our api, and of the database for ours, in µs per request.",
                       [unit, "operation", "ours ms", "bare ms", "api CPU", "ours to bare", "db CPU"],
                       rows, data)
    return time, cpu


def tasks(run, world):
    project, have = world.project("Growing"), 0
    ids = []

    def make(size):
        nonlocal have
        ids.extend(world.add_tasks(project, size - have, sample=2000))
        have = size
        return world.ids_file("growth", {project: ids})
    time, cpu = grow(run, world, "tasks of a project", "tasks",
                     run.pick((100, 10000), (100, 1000, 10000, 100000, 1000000)), make,
                     list(OPERATIONS))
    run.report.plot("tasks-time", "A request over the tasks of its project", "tasks", "ms", time)
    run.report.plot("tasks-cpu", "CPU of our api over the tasks of the project", "tasks", "µs", cpu)


def members(run, world):
    project = world.project("Popular")
    ids = world.add_tasks(project, 200)

    def make(size):
        world.add_members(project, size)
        # A number of the topic tells caches that the project has changed.
        world.request("PATCH", f"/v1/projects/{project}", {"description": f"{size} members"})
        return world.ids_file("members", {project: ids})
    time, cpu = grow(run, world, "members of a project", "members",
                     run.pick((1, 5000), (1, 10, 100, 1000, 5000)), make,
                     run.pick(["GET", "PATCH"], list(OPERATIONS)))
    run.report.plot("members-time", "A request over the members of its project", "members", "ms", time)
    run.report.plot("members-cpu", "CPU of our api over the members of the project", "members", "µs",
                    cpu)


def sockets(run, world):
    """Only the lower bound and ours, one system after another."""
    rows, data, cost_of, age_of = [], {}, {}, {}
    for count in run.pick((10, 100, 1000), (10, 100, 1000, 10000)):
        figures = Figures()
        systems, opened = {}, []
        for name, live in stacks_for(run, world, ("floor", "ours, direct")):
            clients = LoadSockets(run.load.folder, live, count)
            opened.append(clients)
            clients.wait_ready()
            systems[name] = (live, clients, Meter(live.tiers()))
        try:
            for _, name, (live, clients, meter) in rounds(run.rounds, systems):
                state, used = deliver(run, live, clients, meter, count)
                figures.add(name, cpu=sum(used.values()), p99=state["p99"], p50=state["p50"])
        finally:
            for clients in opened:
                clients.__exit__()
        data[count] = figures.json()
        for name in figures.names():
            cost_of.setdefault(name, []).append((count, figures.middle(name, "cpu")))
            age_of.setdefault(name, []).append((count, figures.middle(name, "p99") / 1000))
            rows.append([f"{count:,}", name, spread(figures.of(name, "cpu")),
                         spread(figures.ratios(name, "floor", "cpu")),
                         number(figures.middle(name, "p50") / 1000),
                         spread([v / 1000 for v in figures.of(name, "p99")])])
    run.report.section("Growth: sockets of a topic", "CPU in µs per delivery; ms until the sockets had it.",
                       ["sockets", "who", "CPU", "ratio to floor", "p50 ms", "p99 ms"], rows, data)
    run.report.plot("sockets-cpu", "CPU of a delivery over the sockets", "sockets", "µs", cost_of)
    run.report.plot("sockets-time", "99th percentile of an event's way over the sockets", "sockets",
                    "ms", age_of)


def work(run, world):
    for part in (tasks, members, sockets):
        began = clock.monotonic()
        part(run, world)
        print(f"({part.__name__}: {clock.monotonic() - began:.0f} s)", file=sys.stderr)
