"""Shows the programs' log files on the terminal, each line with the program's name."""

import os

COLOURS = {"api": 32, "push": 36, "jobs": 34, "nginx": 35, "mongodb": 33, "redis": 31}


class Follower:
    """Shows what is added to each log after follow() was called for it."""

    def __init__(self, out):
        self.out = out
        self.coloured = out.isatty()
        self.files = {}

    def follow(self, name, path):
        size = os.path.getsize(path) if os.path.exists(path) else 0
        self.files[name] = [path, size, b""]

    def show(self):
        for name, entry in self.files.items():
            path, at, rest = entry
            try:
                with open(path, "rb") as f:
                    if os.fstat(f.fileno()).st_size < at:
                        at = 0
                    f.seek(at)
                    data = f.read(1 << 20)
            except OSError:
                continue
            lines = (rest + data).split(b"\n")
            entry[1], entry[2] = at + len(data), lines.pop()
            for line in lines:
                self.line(name, line.decode(errors="replace"))
        self.out.flush()

    def line(self, name, text):
        label = f"{name:8}|"
        if self.coloured:
            label = f"\033[{COLOURS.get(name.split('-')[0], 0)}m{label}\033[0m"
        self.out.write(f"{label} {text}\n")


def last_lines(path, count=15):
    try:
        with open(path, "rb") as f:
            f.seek(max(0, os.path.getsize(path) - 16384))
            lines = f.read().decode(errors="replace").strip().split("\n")
    except OSError:
        return ""
    return "\n".join("    " + line for line in lines[-count:])
