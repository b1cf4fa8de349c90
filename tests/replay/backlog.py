"""Reads the backlog and turns each commit into what a team would do: who, where, which request."""
import csv
import datetime
import pathlib

DATA = pathlib.Path(__file__).resolve().parent / "backlog.tsv"
QUIET = 30 * 86400  # a file untouched for so long begins a new task
LABELS = [{"id": verb.lower(), "name": verb, "colour": colour} for verb, colour in (
    ("Add", "#2e7d32"), ("Fix", "#c62828"), ("Remove", "#6d4c41"), ("Optimize", "#1565c0"),
    ("Update", "#f9a825"),
    ("Change", "#546e7a"))]


class Entry:
    """One commit: a fact of the history."""

    def __init__(self, row):
        self.time, self.author = int(row["time"]), int(row["author"])
        self.area, self.file, self.verb = row["area"], row["file"], row["verb"]
        self.files, self.lines = int(row["files"]), int(row["added"]) + int(row["removed"])
        more = f" and {self.files - 1} more" if self.files > 1 else ""
        self.title = (row.get("subject") or f"{self.verb} {self.file}{more}")[:500]
        self.words = f"{self.files} files, +{row['added']} -{row['removed']}"
        self.label = self.verb.lower() if any(x["name"] == self.verb for x in LABELS) else "change"
        self.priority = ("low", "medium", "high",
                         "urgent")[(self.lines > 20) + (self.lines > 200) + (self.lines > 2000)]

    @property
    def subject(self):
        return self.area, self.file

    def instant(self, days=0):
        at = datetime.datetime.fromtimestamp(self.time, datetime.timezone.utc) + datetime.timedelta(days=days)
        return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def read(path=None, limit=None):
    """The first `limit` entries, oldest first."""
    with open(path or DATA, encoding="utf-8", newline="") as lines:
        entries = [Entry(row) for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)]
    return entries[:limit]


def shards(entries, count):
    """Entries of one subject stay in one shard, in their order; sizes are kept even."""
    sizes, place, out = [0] * count, {}, [[] for _ in range(count)]
    weight = {}
    for e in entries:
        weight[e.subject] = weight.get(e.subject, 0) + 1
    for subject in sorted(weight, key=weight.get, reverse=True):
        place[subject] = sizes.index(min(sizes))
        sizes[place[subject]] += weight[subject]
    for e in entries:
        out[place[e.subject]].append(e)
    return out
