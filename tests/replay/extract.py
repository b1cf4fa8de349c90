#!/usr/bin/env python3
"""Makes backlog.tsv from a clone of an open-source project: only facts, one line per commit.

    extract.py CLONE > backlog.tsv                    how the committed file was made (redis/redis, all commits
                                                      from 2021-01-01 up to 2024-10-18 that are not merges)
    extract.py CLONE --subjects > somewhere/else.tsv  with the subjects as they were written as titles:
                                                      for a replay at home, not for the repository

A line holds: time (seconds since 1970), author (a number in order of appearance; no name leaves the
clone), area (the folder that was touched most), file (the file in it that was), verb (the subject's
first word when it is one of VERBS), files, lines added, lines removed; and the subject when asked for.
"""
import argparse
import collections
import re
import subprocess
import sys

VERBS = ("Add", "Allow", "Avoid", "Change", "Check", "Clean", "Correct", "Delete", "Disable", "Document",
         "Enable", "Fix",
         "Handle", "Implement", "Improve", "Increase", "Introduce", "Make", "Move", "Optimize", "Prevent",
         "Print",
         "Reduce", "Refactor", "Release", "Remove", "Rename", "Replace", "Revert", "Set", "Simplify", "Skip",
         "Support",
         "Test", "Update", "Upgrade", "Use")
FIELDS = ("time", "author", "area", "file", "verb", "files", "added", "removed")


def area_of(path):
    """The top folder, and the second one where the top holds many things."""
    parts = path.split("/")
    deep = 2 if parts[0] in ("deps", "tests") and len(parts) > 2 else 1
    return "/".join(parts[:deep]) if len(parts) > 1 else "top"


def verb_of(subject):
    word = re.match(r"[A-Za-z]+", subject)
    stem = word.group().capitalize() if word else ""
    for verb in VERBS:
        if stem in (verb, verb + "s", verb + "es", verb + "ed", verb + "d", verb + "ing", verb[:-1] + "ing"):
            return verb
    return "Change"


def commits(clone, since, until):
    """(time, address, subject, [(added, removed, path)]) of each, oldest first."""
    log = subprocess.run(["git", "-C", clone, "log", "--no-merges", "--reverse", "--no-renames",
                          f"--since={since}",
                          f"--until={until}", "--numstat", "--format=%x01%ct%x02%ae%x02%s"],
                         capture_output=True, check=True).stdout.decode("utf-8", "replace")
    for block in log.split("\x01")[1:]:
        head, *rows = [line for line in block.split("\n") if line]
        time, address, subject = head.split("\x02")
        yield int(time), address.lower(), subject, [row.split("\t") for row in rows]


def fact(number, time, subject, rows):
    """One line of the backlog; None for a commit that touched no file."""
    if not rows:
        return None
    lines = collections.Counter()
    for added, removed, path in rows:
        lines[path] += 1 + sum(int(n) for n in (added, removed) if n != "-")
    areas = collections.Counter()
    for path, weight in lines.items():
        areas[area_of(path)] += weight
    area = areas.most_common(1)[0][0]
    path = max((p for p in lines if area_of(p) == area), key=lambda p: lines[p])
    count = [sum(int(row[side]) for row in rows if row[side] != "-") for side in (0, 1)]
    return [time, number, area, path.rsplit("/", 1)[-1], verb_of(subject), len(rows), *count]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("clone")
    parser.add_argument("--since", default="2021-01-01T00:00:00Z")
    parser.add_argument("--until", default="2024-10-18T23:59:59Z")
    parser.add_argument("--subjects", action="store_true")
    args = parser.parse_args()
    numbers = {}
    print("\t".join(FIELDS + (("subject",) if args.subjects else ())))
    for time, address, subject, rows in sorted(commits(args.clone, args.since, args.until), key=lambda c: c[0]):
        row = fact(numbers.setdefault(address, len(numbers) + 1), time, subject, rows)
        if row:
            print("\t".join(map(str, row + ([subject.replace("\t", " ")] if args.subjects else []))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
