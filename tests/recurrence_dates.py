#!/usr/bin/env python3
"""Compares the dates of random recurrence rules in random time zones with those of python-dateutil.

tests/recurrence_dates.py [--rules N] [--seed N]: exit code 1 if a rule has other dates; prints each such rule.
api/test_recurrence_dates.py is the short form.
"""
import argparse
import datetime
import os
import pathlib
import random
import subprocess
import sys
import types
import zoneinfo

ROOT = pathlib.Path(__file__).resolve().parents[1]

UTC = datetime.timezone.utc
WEEKDAYS = ("SU", "MO", "TU", "WE", "TH", "FR", "SA")
MOST = 12  # dates that are compared
YEARS = 40  # after the start; later dates are not compared


def numbers(dice, low, high, most):
    return sorted(dice.sample([n for n in range(low, high + 1) if n != 0], dice.randint(1, most)))


def joined(values):
    return ",".join(map(str, values))


def by_day(dice, freq):
    days = dice.sample(WEEKDAYS, dice.randint(1, 5))
    if freq in ("DAILY", "WEEKLY") or dice.random() < 0.5:
        return days
    most = 5 if freq == "MONTHLY" else 53
    return [f"{dice.choice((-1, 1)) * dice.randint(1, dice.choice((2, most)))}{day}" for day in days]


def rule(dice):
    """The parts of a rule that RFC 5545 allows."""
    freq = dice.choice(("DAILY", "WEEKLY", "MONTHLY", "YEARLY"))
    parts = {"FREQ": freq}
    if dice.random() < 0.5:
        parts["INTERVAL"] = dice.choice((1, 2, 2, 3, 4, 5, 7, 12, 30, 100))
    if dice.random() < 0.3:
        parts["BYMONTH"] = joined(numbers(dice, 1, 12, 4))
    if dice.random() < 0.3 and freq != "WEEKLY":
        parts["BYMONTHDAY"] = joined(numbers(dice, -31, 31, 6))
    if dice.random() < 0.5:
        days = by_day(dice, freq)
        if freq == "YEARLY" and "BYMONTH" in parts:
            days = [day for day in days if len(day) == 2 or abs(int(day[:-2])) <= 5] or ["MO"]
        parts["BYDAY"] = ",".join(days)
    if dice.random() < 0.3 and len(parts.keys() & {"BYMONTH", "BYMONTHDAY", "BYDAY"}) > 0:
        parts["BYSETPOS"] = joined(numbers(dice, -4, 4, 3))
    if dice.random() < 0.3:
        parts["WKST"] = dice.choice(WEEKDAYS)
    return parts


def until(dice, start):
    end = start + datetime.timedelta(days=dice.randint(0, 2000), seconds=dice.randint(0, 86400))
    return dice.choice((end.strftime("%Y%m%d"), end.strftime("%Y%m%dT%H%M%S"), end.strftime("%Y%m%dT%H%M%SZ")))


class Case:
    """A series and the first dates after its start."""

    def __init__(self, dice, zones):
        self.zone = dice.choice(zones)
        self.parts = rule(dice)
        shown = datetime.datetime(1975, 1, 1) + datetime.timedelta(days=dice.randint(0, 365 * 75))
        self.timed = dice.random() < 0.6
        self.instant = None
        if self.timed:
            shown += datetime.timedelta(minutes=dice.choice((0, 30, 60, 90, 120, 150, 180, 540, 1380, 1410)))
            self.instant = shown.replace(tzinfo=zoneinfo.ZoneInfo(self.zone)).astimezone(UTC)
            shown = self.instant.astimezone(zoneinfo.ZoneInfo(self.zone)).replace(tzinfo=None)
        self.shown = shown
        if dice.random() < 0.3:
            self.parts["UNTIL"] = until(dice, shown)
        self.rule = ";".join(f"{name}={value}" for name, value in self.parts.items())

    def start(self):
        return spell(self.instant) if self.timed else self.shown.strftime("%Y-%m-%d")

    def line(self):
        return "\t".join((self.zone, self.start(), self.start(), str(MOST), self.rule))

    def is_over(self, shown, instant):
        end = self.parts.get("UNTIL")
        if end is None:
            return False
        if len(end) == 8:
            return shown.strftime("%Y%m%d") > end
        if not end.endswith("Z"):
            return shown.strftime("%Y%m%dT%H%M%S" if self.timed else "%Y%m%d") > (end if self.timed else end[:8])
        moment = datetime.datetime.strptime(end, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if self.timed:
            return instant > moment
        return shown.date() > moment.astimezone(zoneinfo.ZoneInfo(self.zone)).date()

    def expected(self):
        from dateutil import rrule
        end = self.shown.year + YEARS
        # Else it searches to the year 9999 for rules that never occur.
        rrule.datetime = types.SimpleNamespace(**{**vars(datetime), "MAXYEAR": end})
        parts = {name: value for name, value in self.parts.items() if name != "UNTIL"}
        first = self.shown
        if parts["FREQ"] == "WEEKLY" and "BYSETPOS" in parts:
            # dateutil's first week begins with the start, ours with its first day, as months and years do.
            parts.setdefault("BYDAY", WEEKDAYS[(first.weekday() + 1) % 7])
            first -= datetime.timedelta(days=((first.weekday() + 1) % 7 - WEEKDAYS.index(parts.get("WKST", "MO"))) % 7)
        text = ";".join(f"{name}={value}" for name, value in parts.items())
        found, last = [], self.instant
        for shown in rrule.rrulestr(text, dtstart=first):
            instant = shown.replace(tzinfo=zoneinfo.ZoneInfo(self.zone)).astimezone(UTC)
            if self.is_over(shown, instant):
                break
            # Two days that are the same instant, because the zone skipped one of them, are one date.
            if shown <= self.shown or self.timed and instant <= last:
                continue
            last = instant
            found.append(spell(instant) if self.timed else shown.strftime("%Y-%m-%d"))
            if len(found) == MOST:
                break
        return [date for date in found if int(date[:4]) < end], end


def spell(instant):
    return instant.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def differences(rules, seed):
    """The rules whose dates differ, with what each library says."""
    dice = random.Random(seed)
    zones = sorted(zoneinfo.available_timezones() - {"localtime"})
    zones = [zone for zone in zones if not zone.startswith(("posix", "right", "Factory"))]
    cases = [Case(dice, zones) for _ in range(rules)]
    build = os.environ.get("TASKWIRE_BUILD") or ROOT / "var" / "build"
    answers = subprocess.run([pathlib.Path(build) / "recurrence_dates"], text=True, check=True, capture_output=True,
                             input="".join(case.line() + "\n" for case in cases)).stdout.splitlines()
    assert len(answers) == rules, answers[-1:]
    for case, answer in zip(cases, answers):
        expected, end = case.expected()
        if answer.startswith("!") and not expected:
            continue  # refused, because it never occurs
        found = [date for date in answer.split() if int(date[:4]) < end]
        if found != expected:
            yield f"{case.line()}\n  taskwire {answer}\n  dateutil {' '.join(expected)}"


def main():
    import prepare
    prepare.command()
    parser = argparse.ArgumentParser()
    parser.add_argument("--rules", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    found = list(differences(args.rules, args.seed))
    print(*found, f"{args.rules} rules, {len(found)} differ", sep="\n")
    return found != []


if __name__ == "__main__":
    sys.exit(main())
