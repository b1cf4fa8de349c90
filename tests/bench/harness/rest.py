"""REST: GET, a list of 50, PATCH, create; the bare loop, ours through nginx, Express; and
related subjects: no database, one busy topic, a snapshot."""

import contextlib
import os
import signal
import time

import others
import tools
from proc import Meter
from stats import Figures, number, rounds, spread
from world import World

PATCH = '{"title":"Changed by the load, number #"}'
CREATE = '{"projectId":"&","title":"Made by the load, number #"}'
OPERATIONS = {
    "GET": ("get", "GET", "/v1/tasks/%", "-"),
    "list of 50": ("list", "GET", "/v1/tasks?projectId=&", "-"),
    "PATCH": ("patch", "PATCH", "/v1/tasks/%", PATCH),
    "create": ("create", "POST", "/v1/tasks", CREATE),
}
CONNECTIONS = 32


class Http:
    """A system that is used over HTTP; `tier` names the processes whose CPU counts as its own."""

    def __init__(self, load, world, address, tiers, tier):
        self.load, self.world, self.address, self.tier = load, world, address, tier
        self.meter = Meter(tiers)

    def run(self, operation, seconds, ids, connections=CONNECTIONS):
        _, method, path, body = operation
        self.meter.start()
        out = self.load.http(self.address, connections, seconds, method, path, ids,
                             self.world.token, body)
        used = self.meter.read()
        return out, used[self.tier], used


class Bare:
    """kind: plain, as a first version would be written; group, eight changes in one transaction."""

    def __init__(self, load, world, kind="", queue=False):
        self.load, self.world, self.kind, self.queue = load, world, kind, queue
        self.meter = Meter({"db": world.tiers().get("db", [])})

    def run(self, operation, seconds, ids, connections=CONNECTIONS):
        name = operation[0]
        if self.kind and name in ("patch", "create"):
            name += "-" + self.kind
        self.meter.start()
        out = self.load.bare(self.world, name, connections, seconds, ids, self.queue)
        used = self.meter.read()
        used["db"] *= out["ok"] / max(1, out["ok"] + out["warm"])  # it did both
        return out, out["cpu"], used


def express(load, world):
    child, port = others.node(world, "server")
    tiers = {"node": [child.pid], "db": world.tiers().get("db", [])}
    return Http(load, world, f"127.0.0.1:{port}", tiers, "node")


def warm_up(run, systems, operation, ids):
    """Runs until the cost stops falling: Node compiles code that runs often."""
    for name, system in systems.items():
        last = None
        for _ in range(run.pick(3, 10) if name == "Express" else 1):
            out, own, _ = system.run(operation, run.pick(0.5, 2.0), ids)
            cost = own / max(1, out["ok"])
            if last and cost > 0.95 * last:
                break
            last = cost


def note(figures, name, out, own, used):
    n = max(1, out["ok"])
    figures.add(name, rate=out["rate"], own=own / n * 1e6, db=used.get("db", 0) / n * 1e6,
                nginx=used.get("nginx", 0) / n * 1e6, p50=out["p50"], p99=out["p99"],
                p999=out["p999"])


def work(run, world):
    """The four operations, side by side."""
    projects = {}
    for i in range(run.pick(32, 64)):
        project = world.project(f"Bench {i}")
        projects[project] = world.add_tasks(project, run.pick(100, 200))
    ids = world.ids_file("rest", projects)
    systems = {"bare": Bare(run.load, world), "bare, plain": Bare(run.load, world, "plain"),
               "ours": Http(run.load, world, world.address, world.tiers(), "api")}
    try:
        systems["Express"] = express(run.load, world)
    except tools.Missing as why:
        run.report.missing("Express", why)
    memory = {"idle": Meter(world.tiers()).memory()}
    rows, data = [], {}
    for title, operation in OPERATIONS.items():
        figures = Figures()
        taking_part = {n: s for n, s in systems.items() if operation[1] != "GET" or n != "bare, plain"}
        warm_up(run, taking_part, operation, ids)
        for _, name, system in rounds(run.rounds, taking_part):
            note(figures, name, *system.run(operation, run.pick(0.5, 4.0), ids))
        data[title] = figures.json()
        rows += rest_rows(title, figures)
    memory["under load"] = Meter(world.tiers()).memory()
    run.report.section(
        "REST", f"{CONNECTIONS} connections (threads of the bare loop). Ratio: rate against the bare "
        "loop that issues the commands our workers issue (`bare`); `plain` reads back what ours knows. "
        "CPU in µs per request: of the tier itself (api; node; the loop), of nginx, of the database. "
        "Latencies in ms.",
        ["operation", "who", "rate/s", "ratio to bare", "own CPU", "nginx", "db", "p50", "p99",
         "p99.9"], rows, data)
    tiers = list(memory["idle"])
    run.report.section("Memory, REST", "MiB resident (proportional share within a tier).",
                       ["when"] + tiers,
                       [[when] + [number(m[t] / 2**20, 1) for t in tiers] for when, m in memory.items()])


def rest_rows(title, f):
    for name in f.names():
        yield [title, name, number(f.middle(name, "rate")),
               spread(f.ratios(name, "bare", "rate")) if name != "bare" else "1",
               spread(f.of(name, "own"), 0), number(f.middle(name, "nginx")),
               number(f.middle(name, "db")),
               *[number(f.middle(name, p) / 1000) for p in ("p50", "p99", "p999")]]


def no_database(run, world):
    """The endpoint that uses no database, with 64 and 512 connections."""
    rows, data = [], {}
    operation = ("", "GET", "/v1/health", "-")
    for connections in (64, 512):
        figures = Figures()
        system = Http(run.load, world, world.address, world.tiers(), "api")
        for _ in range(run.rounds):
            out, own, used = system.run(operation, run.pick(0.5, 4.0), "-", connections)
            figures.add("ours", fewest=out["fewest"] / max(1, out["requests"] / connections),
                        worst=out["max"])
            note(figures, "ours", out, own, used)
        data[connections] = figures.json()
        rows.append([connections, spread(figures.of("ours", "rate"), 0),
                     spread(figures.of("ours", "own"), 0), number(figures.middle("ours", "nginx")),
                     *[number(figures.middle("ours", p) / 1000) for p in ("p50", "p99", "p999")],
                     number(max(figures.of("ours", "worst")) / 1000),
                     number(min(figures.of("ours", "fewest")), 2)])
    run.report.section("No database", "`GET /v1/health` through nginx. `fewest`: the requests of the "
                       "connection that got fewest, against the mean.",
                       ["connections", "rate/s", "api CPU µs", "nginx µs", "p50 ms", "p99 ms",
                        "p99.9 ms", "worst ms", "fewest"], rows, data)


# What is measured: the writers, whether each has a topic to itself, the operation, and the bare loop it is compared with.
WRITERS = {
    "1 writer": (1, False, "PATCH"), "32 writers": (32, False, "PATCH"), "32 writers, create": (32, False, "create"),
    "32 topics": (32, True, "PATCH"), "32 topics, create": (32, True, "create"), "256 topics": (256, True, "PATCH"),
}


def contention(run, world):
    """Writers of one topic and of many, compared with the bare loop: one change per transaction, and eight."""
    projects = {}
    for i in range(256):
        project = world.project(f"Hot {i}")
        projects[project] = world.add_tasks(project, 40)
    for project in projects:  # as a client does before it changes tasks
        world.request("GET", f"/v1/tasks?projectId={project}&limit=200")
    hot = next(iter(projects))
    one = world.ids_file("hot", {hot: projects[hot]})
    many = world.ids_file("spread", projects)
    ours = Http(run.load, world, world.address, world.tiers(), "api")
    bare, queued = Bare(run.load, world), Bare(run.load, world, queue=True)
    cases = {f"ours, {name}": (ours, *writers) for name, writers in WRITERS.items()}
    cases |= {f"bare, {name}": (bare if writers[1] else queued, *writers) for name, writers in WRITERS.items()}
    cases["bare, groups of 8"] = (Bare(run.load, world, "group", queue=True), 32, False, "PATCH")
    ours.run(OPERATIONS["PATCH"], run.pick(2, 4.0), many, 256)  # each connection to the database has had a transaction
    figures = Figures()
    for _, name, (system, connections, spread_out, operation) in rounds(run.rounds, cases):
        out, own, used = system.run(OPERATIONS[operation], run.pick(1, 4.0), many if spread_out else one, connections)
        note(figures, name, out, own, used)
        figures.add(name, tail=out["p99"] / out["p50"])
    rows = []
    for name in cases:
        rows.append([name, number(figures.middle(name, "rate")),
                     spread(figures.ratios(name, "bare, " + name.split(", ", 1)[1], "rate"))
                     if name != "bare, groups of 8" else spread(figures.ratios(name, "bare, 32 writers", "rate")),
                     spread(figures.of(name, "own"), 0), number(figures.middle(name, "nginx")),
                     number(figures.middle(name, "db")),
                     *[number(figures.middle(name, p) / 1000) for p in ("p50", "p99", "p999")],
                     spread(figures.of(name, "tail"), 1)])
    run.report.section(
        f"Contention, {world.api_programs} × 2 api processes", "Writers of one project, and of as many as there are writers. "
        "Ratio: rate against the bare loop of the same work with one change in a transaction (on one project they queue). "
        "CPU in µs per change.",
        ["who", "rate/s", "ratio to bare", "own CPU", "nginx", "db", "p50 ms", "p99 ms", "p99.9 ms", "p99/p50"],
        rows, figures.json())


IMPORTED = 100  # tasks in one batch
BATCH = '{"ops":[' + ",".join(['{"method":"POST","path":"/v1/tasks","body":' + CREATE + "}"] * IMPORTED) + "]}"


def imports(run, world):
    """Tasks created in one project: by writers of single tasks, and in batches; by an earlier version too, if one is given."""
    batch, one = ("batch", "POST", "/v1/batch", BATCH), OPERATIONS["create"]
    cases = {"32 writers, one task each": (world, one, 32, 1), "1 writer, one task each": (world, one, 1, 1),
             "1 writer, batches of 100": (world, batch, 1, IMPORTED), "4 writers, batches of 100": (world, batch, 4, IMPORTED)}
    with contextlib.ExitStack() as stack:
        if run.before:
            before = stack.enter_context(World(uri=world.uri, database="before", tree=run.before))
            cases["the earlier version, 32 writers"] = (before, one, 32, 1)
        figures = measure_imports(run, cases, world.tiers().get("db", []))
    base = list(cases)[-1] if run.before else next(iter(cases))
    run.report.section(
        "Import", "Tasks created in one project. Rate and CPU per task; latency per request.",
        ["who", "tasks/s", "ratio to " + base.split(", one")[0], "api CPU µs", "nginx", "db", "p50 ms", "p99 ms"],
        [[name, number(figures.middle(name, "rate")), spread(figures.ratios(name, base, "rate")),
          spread(figures.of(name, "own"), 0), number(figures.middle(name, "nginx")), number(figures.middle(name, "db")),
          *[number(figures.middle(name, p) / 1000) for p in ("p50", "p99")]] for name in cases], figures.json())


def measure_imports(run, cases, database):
    figures = Figures()
    for n, name, (where, operation, connections, each) in rounds(run.rounds, cases):
        project = where.project(f"Import {n} {name}")
        ids = where.ids_file("import", {project: where.add_tasks(project, 32)})
        out, own, used = Http(run.load, where, where.address, {**where.tiers(), "db": database}, "api").run(
            operation, run.pick(2, 5), ids, connections)
        done = max(1, out["ok"] * each)
        figures.add(name, rate=out["rate"] * each, own=own / done * 1e6, db=used["db"] / done * 1e6,
                    nginx=used["nginx"] / done * 1e6, p50=out["p50"], p99=out["p99"])
    return figures


def hosts(run, world):
    """PATCHes of one topic through two api programs: with Redis and its tickets, with a Redis that hangs, and without Redis, that is without tickets."""
    project = world.project("Hot")
    ids = world.ids_file("hosts", {project: world.add_tasks(project, 40)})
    ours = Http(run.load, world, world.address, world.tiers(), "api")

    @contextlib.contextmanager
    def hanging():
        redis = world.stack.kill("redis", signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(redis, signal.SIGCONT)
    cases = {"1 writer": (contextlib.nullcontext, 1), "32 writers": (contextlib.nullcontext, 32),
             "32 writers, Redis hangs": (hanging, 32),
             "32 writers, no Redis": (lambda: world.stack.without("redis"), 32)}
    figures = Figures()
    for _ in range(run.rounds):
        for name, (state, connections) in cases.items():
            time.sleep(6)  # a program that could not reach Redis tries again after 5 s
            with state():
                out, own, used = ours.run(OPERATIONS["PATCH"], run.pick(2, 5), ids, connections)
            note(figures, name, out, own, used)
            figures.add(name, tail=out["p99"] / out["p50"])
    run.report.section(
        "Two hosts, one topic", "PATCH of tasks of one project through two api programs, each a host of its own to the other.",
        ["who", "rate/s", "ratio to 1 writer", "own CPU µs", "p50 ms", "p99 ms", "p99.9 ms", "p99/p50"],
        [[name, number(figures.middle(name, "rate")), spread(figures.ratios(name, "1 writer", "rate")),
          spread(figures.of(name, "own"), 0), *[number(figures.middle(name, p) / 1000) for p in ("p50", "p99", "p999")],
          spread(figures.of(name, "tail"), 1)] for name in cases], figures.json())


def snapshot(run, world):
    """A whole project in one response, and the memory that it takes."""
    rows, data = [], {}
    for count in run.pick((4000,), (4000, 20000, 100000)):
        project = world.project(f"Snapshot {count}")
        ids = world.ids_file("snapshot", {project: world.add_tasks(project, count, sample=1)})
        operation = ("snapshot", "GET", "/v1/projects/&/snapshot", "-")
        systems = {"bare": Bare(run.load, world),
                   "ours": Http(run.load, world, world.address, world.tiers(), "api")}
        if count <= 20000:
            try:
                systems["Express"] = express(run.load, world)
            except tools.Missing:
                pass
        figures = Figures()
        for _, name, system in rounds(run.rounds, systems):
            out, own, used = system.run(operation, run.pick(0.3, 2.0), ids, 1)
            note(figures, name, out, own, used)
            if name == "ours":
                figures.add(name, memory=system.meter.memory()["api"] / 2**20,
                            bytes=out["bytes"] / out["ok"])
        data[count] = figures.json()
        for name in figures.names():
            rows.append([f"{count:,}", name, number(figures.middle(name, "p50") / 1000),
                         spread(figures.ratios(name, "bare", "p50")),
                         spread([v / 1000 for v in figures.of(name, "own")], 1),
                         number(figures.middle(name, "memory")),
                         number((figures.middle(name, "bytes") or 0) / 2**20)])
    run.report.section("Snapshot", "One at a time. Time against draining the bare cursor; own CPU in ms; "
                       "api memory (MiB, all workers) after it; size in MiB.",
                       ["tasks", "who", "ms", "ratio to bare", "own CPU ms", "memory", "size"],
                       rows, data)
