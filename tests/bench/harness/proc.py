"""CPU time and memory of processes, as the kernel counts them."""
import time


def family(pid):
    """A process and all its descendants."""
    found = [pid]
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            children = [int(p) for p in f.read().split()]
    except OSError:
        return found
    for child in children:
        found += family(child)
    return found


def cpu(pids):
    """Seconds of CPU used so far (user and system, threads that have ended included)."""
    total = 0.0
    for pid in pids:
        try:
            # A process's CPU clock: what /proc/PID/stat rounds to ticks, in nanoseconds.
            total += time.clock_gettime((~pid << 3) | 2)
        except OSError:
            pass
    return total


def memory(pids):
    """Bytes resident; memory shared by the processes is counted once."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
                rows = dict(line.split()[:2] for line in f if line.count(":") == 1)
        except OSError:
            continue
        total += int(rows["Pss:" if len(pids) > 1 else "Rss:"]) * 1024
    return total


class Meter:
    """CPU of named groups of processes between two moments: {"api": [pids], ...}."""

    def __init__(self, tiers):
        self.tiers = {name: [p for pid in pids for p in family(pid)] for name, pids in tiers.items()}
        self.start()

    def start(self):
        self.began = {name: cpu(pids) for name, pids in self.tiers.items()}

    def read(self):
        return {name: cpu(pids) - self.began[name] for name, pids in self.tiers.items()}

    def memory(self):
        return {name: memory(pids) for name, pids in self.tiers.items()}
