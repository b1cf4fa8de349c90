#!/usr/bin/env python3
"""A rolling restart under load: `tests/chaos/drain.py --clients 1000 --rounds 3 --seed 1`.

Both push daemons are stopped, one after the other, during writes.  They close their sockets with 1012
over several seconds and exit within ten, and nobody misses an event.
"""
import argparse
import pathlib
import signal
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

if __name__ == "__main__":
    import prepare
    prepare.command()

import checker  # noqa: E402
from client import SETTINGS, eventually  # noqa: E402
from reconnect import Reconnect  # noqa: E402
from stack import is_running  # noqa: E402


class Drain(Reconnect):
    def __init__(self, stack, folder, clients, seed, rounds=1, daemons=("push-1", "push-2"), pause=0.05):
        super().__init__(stack, folder, clients, 0, seed, followers=0, pause=pause)
        self.stack, self.rounds, self.daemons = stack, rounds, daemons
        self.exits, self.spreads, self.sent_away = [], [], 0

    def hurt(self, clients):
        for _ in range(self.rounds):
            for name in self.daemons:
                self.restart(clients, name)

    def restart(self, clients, name):
        """Stops one daemon and waits until it has been replaced."""
        before = clients.report()["ended"].get("1012", 0)
        clients.say("mark")
        began, pid = time.monotonic(), self.stack.kill(name, signal.SIGTERM)
        eventually(lambda: not is_running(pid), within=20, what=f"the end of {name}")
        self.exits.append(time.monotonic() - began)
        self.stack.wait_restarted(name, pid)
        report = clients.wait(lambda r: r["following"] == self.clients, 20, "all back")
        count = report["ended"].get("1012", 0) - before
        self.sent_away += count
        if count > 1:
            self.spreads.append(report["ending"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    from stack import Stack
    with Stack(push=2, settings=SETTINGS) as stack, tempfile.TemporaryDirectory() as folder:
        storm = Drain(stack, folder, args.clients, args.seed, args.rounds)
        report, wrong = storm.rage(300)
        verdict = checker.judge_folder(folder)
    print(f"seed {args.seed}, {storm.seconds:.0f} s: {report}")
    print(f"{storm.sent_away} sent away with 1012, over {', '.join(f'{s:.1f}' for s in storm.spreads)} s; "
          f"exits after {', '.join(f'{s:.1f}' for s in storm.exits)} s; requests sent again: "
          f"{dict(storm.progress.retries)}; closed with {report['ended']}")
    for failure in [*storm.progress.failures, *verdict.violations[:50]]:
        print("FAILURE", failure)
    print("the swarm:", wrong or "nothing wrong")
    bad = wrong or verdict.violations or storm.progress.failures or storm.progress.retries
    return 1 if bad or max(storm.exits) > 10 or set(report["ended"]) != {"1012"} else 0


if __name__ == "__main__":
    sys.exit(main())
