"""tests/bench/run: selects the subjects, runs each on an installation of its own, and writes results/."""
import argparse
import sys
import time

SUBJECTS = {
    "rest": "GET, list of 50, PATCH, create: the bare loop, ours, Express",
    "nodb": "/v1/health at 64 and 512 connections",
    "contention": "writers of one topic and of many, one and two api programs",
    "import": "tasks created one by one, and in batches",
    "hosts": "one topic through two api programs: with Redis, with one that hangs, and without",
    "snapshot": "a project of 4,000 tasks and more",
    "fanout": "one event to many sockets: the floor, ours, nchan, ws, centrifuge, Socket.IO; idle memory",
    "idle": "idle sockets: memory and CPU of each",
    "change": "a change through the API to 1,000 sockets, all tiers",
    "growth": "cost over tasks, members and sockets",
}


def options():
    p = argparse.ArgumentParser(
        prog="tests/bench/run", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Compares Taskwire with its theoretical limits and with other stacks.",
        epilog="subjects:\n" + "\n".join(f"  {k:<12}{v}" for k, v in SUBJECTS.items()) +
        "\n\nsettings: BENCH_DATABASE (path of mongod or secantusd-rs), MONGODB_URI (a server that runs\n"
        "already), TASKWIRE_BUILD (our programs; else var/build is built), TASKWIRE_CACHE.")
    p.add_argument("subjects", nargs="*", metavar="SUBJECT", help="all, when none is named")
    p.add_argument("--quick", action="store_true", help="three minutes instead of an hour")
    p.add_argument("--rounds", type=int, default=5, help="alternating rounds (5)")
    p.add_argument("--name", help="of the result files (the subjects', or quick, or full)")
    p.add_argument("--sockets", type=int, nargs="*", help="of fanout and idle (1000 10000)")
    p.add_argument("--before", metavar="TREE", help="of import: a checkout of an earlier version, built in its var/build, to compare with")
    args = p.parse_args()
    for s in args.subjects:
        if s not in SUBJECTS:
            p.error(f"{s} is not a subject; see --help")
    return args


class Run:
    def __init__(self, args):
        import tools
        from load import Load
        from report import Report
        self.quick, self.rounds = args.quick, max(1, args.rounds)
        self.sockets, self.before = args.sockets, args.before
        self.load = Load(tools.programs())
        whole = "quick" if args.quick else "full"
        name = args.name or ("-".join(args.subjects) + ("-quick" if args.quick else "")
                             if args.subjects else whole)
        self.report = Report(name, " ".join(["tests/bench/run"] + sys.argv[1:]))

    def pick(self, quick, full):
        return quick if self.quick else full


def main():
    args = options()
    import growth
    import live
    import rest
    from world import World
    subjects = args.subjects or list(SUBJECTS)
    run = Run(args)

    def on_a_world(*works, **settings):
        began = time.monotonic()
        with World(**settings) as world:
            for work in works:
                work(run, world)
                print(f"({work.__name__}: {time.monotonic() - began:.0f} s)", file=sys.stderr)
                began = time.monotonic()
    works = {"rest": rest.work, "nodb": rest.no_database, "contention": rest.contention,
             "import": rest.imports, "snapshot": rest.snapshot, "fanout": live.fanout, "idle": live.idle,
             "change": live.change, "growth": growth.work}
    together = [works[s] for s in subjects if s not in ("growth", "snapshot", "hosts")]
    if together:
        on_a_world(*together)
    if "contention" in subjects:
        on_a_world(rest.contention, api_programs=2)
    if "hosts" in subjects:
        on_a_world(rest.hosts, api_programs=2)
    for alone in ("snapshot", "growth"):  # their data would slow down the others
        if alone in subjects:
            on_a_world(works[alone])
    run.report.write()


if __name__ == "__main__":
    main()
