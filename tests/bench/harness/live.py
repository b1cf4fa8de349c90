"""WebSockets: one event to many sockets, the cost of an idle socket, and a change through the API to many sockets."""
import contextlib
import http.client
import json
import resource
import time

import others
import tools
from load_sockets import LoadSockets
from proc import Meter
from stats import Figures, number, rounds, spread

# Events of one round and the pause between them, by sockets: the slowest stack must keep up.
PACE = {10: (40, 0.02), 100: (40, 0.02), 1000: (15, 0.12), 10000: (4, 1.5)}
QUICK_EVENTS = 5


def room_in_nginx():
    """How many sockets nginx can carry: each takes two files, and its two workers share them evenly enough."""
    return int(resource.getrlimit(resource.RLIMIT_NOFILE)[1] * 0.45)


def project_with_event(world, name):
    project = world.project(name)
    world.add_tasks(project, 1)
    return project


def stacks_for(run, world, only=None):
    """{name: a function that starts it}."""
    project = project_with_event(world, "Crowd")
    frame, world.frame_stored = world.frame(project)
    makers = {
        "floor": lambda: others.Floor(world, frame),
        "ours, direct": lambda: others.Ours(world, frame, project),
        "ours, nginx": lambda: others.Ours(world, world.frame(through)[0], through, True),
        "nchan": lambda: others.Nchan(world, frame),
        "ws": lambda: others.Ws(world, frame),
        "centrifuge": lambda: others.Centrifuge(world, frame),
        "Socket.IO": lambda: others.SocketIo(world, frame, project_with_event(world, "Crowd of theirs")),
    }
    through = project_with_event(world, "Crowd behind nginx") if not only or "ours, nginx" in only \
        else None
    for name, make in makers.items():
        if only and name not in only:
            continue
        try:
            yield name, make()
        except tools.Missing as why:
            run.report.missing(name, why)


def pace(sockets):
    return PACE[min((p for p in PACE if p >= sockets), default=10000)]


def deliver(run, live, clients, meter, sockets):
    """One round: some events at the system's pace; the cost of each delivery and its age."""
    events, pause = pace(sockets)
    if run.quick:
        events = min(events, QUICK_EVENTS if sockets >= 1000 else events)
    clients.ask("start")
    meter.start()
    for _ in range(events):
        began = time.monotonic()
        live.publish()
        time.sleep(max(0, pause - (time.monotonic() - began)))
    state = clients.wait_for(events * sockets)
    used = meter.read()
    if state["least"] != events or state["most"] != events:
        raise RuntimeError(f"each socket should have got {events} events: {state}")
    return state, {tier: 1e6 * seconds / (events * sockets) for tier, seconds in used.items()}


def one_size(run, world, sockets):
    figures = Figures()
    with contextlib.ExitStack() as close:
        systems = {}
        for name, live in stacks_for(run, world):
            close.callback(live.close)
            count = min(sockets, room_in_nginx()) if name == "ours, nginx" else sockets
            try:
                clients = close.enter_context(LoadSockets(run.load.folder, live, count))
                clients.wait_ready()
            except RuntimeError as why:
                run.report.missing(f"{name} with {count} sockets", why)
                continue
            systems[name] = (live, clients, Meter(live.tiers()), count)
        for live, clients, meter, count in systems.values():
            deliver(run, live, clients, meter, count)
        for _, name, (live, clients, meter, count) in rounds(run.rounds, systems):
            state, used = deliver(run, live, clients, meter, count)
            figures.add(name, cpu=sum(used.values()), sockets=count, nginx=used.get("nginx", 0),
                        **{p: state[p] for p in ("p50", "p99", "p999", "max")})
    return figures


def fanout(run, world):
    rows, data = [], {}
    for sockets in run.sockets or run.pick((1000,), (1000, 10000)):
        figures = one_size(run, world, sockets)
        data[sockets] = figures.json()
        for name in figures.names():
            own = [c - n for c, n in zip(figures.of(name, "cpu"), figures.of(name, "nginx"))]
            rows.append([f"{int(figures.middle(name, 'sockets')):,}", name, spread(own),
                         number(figures.middle(name, "nginx")) if "nginx" in name else "",
                         spread(figures.ratios(name, "floor", "cpu")),
                         *[number(figures.middle(name, p) / 1000) for p in ("p50", "p99", "p999")],
                         spread(figures.ratios(name, "floor", "p99"))])
    run.report.section(
        "Fan-out", "One event, as long as a change of a task, to all sockets. CPU in µs per delivery; "
        "its ratio to the floor (one write per socket) is of all tiers named. Latency in ms from the "
        "moment of publishing to each socket.",
        ["sockets", "who", "CPU", "+ nginx", "ratio to floor", "p50", "p99", "p99.9",
         "p99 to floor's"], rows, data)


def idle(run, world):
    """Opens the sockets of one system at a time and measures the memory and CPU that they use."""
    rows, data = [], {}
    for sockets in run.sockets or run.pick((1000,), (1000, 10000)):
        for name, live in stacks_for(run, world):
            count = min(sockets, room_in_nginx()) if name == "ours, nginx" else sockets
            if name.startswith("ours"):  # memory freed by an earlier round would make this one look smaller
                world.restart("nginx", "push")
            meter = Meter(live.tiers())
            before = meter.memory()
            try:
                with LoadSockets(run.load.folder, live, count) as clients:
                    took = clients.wait_ready()
                    opened = meter.read()
                    time.sleep(run.pick(0.5, 5))
                    meter.start()
                    seconds = run.pick(1, 35)  # longer than the interval between pings
                    time.sleep(seconds)
                    used, after = meter.read(), meter.memory()
            except RuntimeError as why:
                run.report.missing(f"idle: {name} with {count} sockets", why)
                continue
            finally:
                live.close()
            each = {t: (after[t] - before[t]) / count / 1024 for t in after}
            cost = {t: used[t] / seconds / count * 1e6 for t in used}
            data[f"{name} {count}"] = {"KiB": each, "usPerSecond": cost, "seconds": took}
            rows.append([f"{count:,}", name, ", ".join(f"{t} {number(v)}" for t, v in each.items()),
                         ", ".join(f"{t} {number(v)}" for t, v in cost.items()),
                         number(sum(opened.values()) / count * 1e6, 0), number(took)])
    run.report.section("Idle sockets", "KiB resident of each, and µs of CPU in each second; opening: µs of "
                       "CPU for each (upgrade, token, follow), and seconds until all had followed.",
                       ["sockets", "who", "KiB", "µs/s", "opening µs", "opened in s"], rows, data)


class Api:
    """Changes one task repeatedly on a persistent connection."""

    def __init__(self, world, address, task):
        self.address, self.link, self.used = address, None, 0
        self.headers = {"Content-Type": "application/json", "Authorization": "Bearer " + world.token}
        self.path = f"/v1/tasks/{task}"

    def publish(self):
        if time.monotonic() - self.used > 2:
            self.link = http.client.HTTPConnection(self.address, timeout=30)
        body = json.dumps({"title": f"Changed, sent @{time.monotonic_ns()}"})
        self.link.request("PATCH", self.path, body, self.headers)
        answer = self.link.getresponse()
        text = answer.read()
        self.used = time.monotonic()
        if answer.status != 200:
            raise RuntimeError(f"PATCH: {answer.status} {text[:200]}")


def change(run, world):
    """A PATCH over HTTP until every socket has it: the CPU of every tier except the database."""
    sockets = run.sockets[0] if run.sockets else 1000
    figures, tiers = Figures(), world.tiers()
    with contextlib.ExitStack() as close:
        systems = {}
        for name, live in stacks_for(run, world, ("ours, direct", "ours, nginx", "Socket.IO")):
            close.callback(live.close)
            task = str(world.db.tasks.find_one({"projectId": others.object_id(live.project)})["_id"])
            if name == "Socket.IO":
                child, port = others.node(world, "server")
                close.callback(others.end, child)
                own = {"api": [child.pid], "live": [live.child.pid], "redis": tiers["redis"]}
            else:
                port = world.stack.port
                own = {t: p for t, p in tiers.items() if t != "db"}
            clients = close.enter_context(LoadSockets(run.load.folder, live, sockets))
            clients.wait_ready()
            systems[name] = (Api(world, f"127.0.0.1:{port}", task), clients, Meter(own))
        for api, clients, meter in systems.values():
            deliver(run, api, clients, meter, sockets)
        for _, name, (api, clients, meter) in rounds(run.rounds, systems):
            state, used = deliver(run, api, clients, meter, sockets)
            figures.add(name, cpu=sum(used.values()), **used,
                        **{p: state[p] for p in ("p50", "p99", "max")})
    rows = [[name, spread(figures.of(name, "cpu"), 1),
             spread(figures.ratios(name, "ours, direct", "cpu")),
             " ".join(f"{t} {number(figures.middle(name, t))}"
                      for t in ("api", "push", "live", "nginx", "redis") if figures.of(name, t)),
             *[number(figures.middle(name, p) / 1000) for p in ("p50", "p99", "max")]]
            for name in figures.names()]
    run.report.section(
        f"A change through the API to {sockets:,} sockets", "CPU in µs per delivery, all tiers but the "
        "database; ms from the sending of the PATCH to each socket (with the database's time).",
        ["who", "CPU", "ratio to ours, direct", "of which", "p50 ms", "p99 ms", "max ms"], rows,
        figures.json())
