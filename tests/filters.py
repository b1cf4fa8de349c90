"""A second implementation of the filter language: random filters as trees, their texts, and which tasks match."""
import datetime as dt
import unicodedata
import zoneinfo

PRIORITIES = ["none", "low", "medium", "high", "urgent"]
DAY = dt.timedelta(days=1)
ORDER = ["=", "!=", "<", "<=", ">", ">="]
NAMES = ["=", "!=", "in", "not in"]


def fold(text):
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in plain if unicodedata.category(c) != "Mn")


def words(text):
    return "".join(c if c.isalnum() else " " for c in fold(text)).split()


def parse(text):
    return dt.datetime.fromisoformat(text.replace("Z", "+00:00"))


class Reader:
    """Whose filter it is: the zone, the time, and the names of what is in the projects."""

    def __init__(self, user, zone, now, projects, people):
        self.id, self.zone, self.now = user.id, zoneinfo.ZoneInfo(zone), now
        self.projects, self.people = projects, people  # by id

    def today(self):
        return self.now.astimezone(self.zone).date()

    def span(self, day):
        """The first instant of a day and the first one after it."""
        return tuple(dt.datetime.combine(d, dt.time(), self.zone).astimezone(dt.timezone.utc) for d in (day, day + DAY))


# -- values: each is (its text, what it means) ----------------------------------------


def shifted(day, amount, unit):
    if unit in "dw":
        return day + dt.timedelta(days=amount * (7 if unit == "w" else 1))
    months = day.year * 12 + day.month - 1 + amount * (12 if unit == "y" else 1)
    for last in (day.day, 30, 29, 28):
        try:
            return dt.date(months // 12, months % 12 + 1, min(day.day, last))
        except ValueError:
            pass


def time_value(dice, reader):
    """A day (a date) or an instant, with its text."""
    unit, amount = dice.choice(["d", "w", "mo", "y"]), dice.randrange(-3, 4)
    kind = dice.randrange(4)
    if kind == 0:
        day = reader.today() + dice.randrange(-3, 4) * DAY
        return day.isoformat(), day
    if kind == 1:
        hours = dice.randrange(-30, 31)
        return f"now{hours:+d}h", reader.now + dt.timedelta(hours=hours)
    if amount == 0:
        return "Today", reader.today()
    text = f"today{amount:+d}{unit}" if kind == 2 or amount < 0 else f"today {amount}{unit}"
    return text, shifted(reader.today(), amount, unit)


def quoted(dice, text):
    quote = dice.choice("'\"")
    if " " not in text and dice.randrange(2):
        return text
    return quote + text.replace("\\", "\\\\").replace(quote, "\\" + quote) + quote


def case(dice, text):
    return dice.choice([text, text.upper(), text.capitalize()])


class Comparison:
    def __init__(self, field, op, values):
        self.field, self.op, self.values = field, op, values

    def text(self, dice):
        field = dice.choice([self.field, self.field.upper()])
        if self.op.endswith("in"):
            return f"{field} {self.op} ({', '.join(t for t, _ in self.values)})"
        space = dice.choice(["", " "])
        return f"{field}{space}{self.op}{space}{self.values[0][0]}"

    def fields(self):
        return {self.field}

    def matches(self, task, reader):
        positive = {"!=": "=", "not in": "="}.get(self.op, "=" if self.op == "in" else self.op)
        found = any(compare(self.field, positive, value, task, reader) for _, value in self.values)
        return found != (self.op in ("!=", "not in"))


class Join:
    def __init__(self, word, parts):
        self.word, self.parts = word, parts

    def text(self, dice):
        def inner(part):
            loose = isinstance(part, Join) and (self.word == "not" or part.word == "or" or self.word == part.word)
            return f"({part.text(dice)})" if loose else part.text(dice)
        if self.word == "not":
            return f"{case(dice, 'not')} {inner(self.parts[0])}"
        return f" {case(dice, self.word)} ".join(inner(p) for p in self.parts)

    def fields(self):
        return set().union(*(p.fields() for p in self.parts))

    def matches(self, task, reader):
        results = [p.matches(task, reader) for p in self.parts]
        return not results[0] if self.word == "not" else all(results) if self.word == "and" else any(results)


# -- comparisons ------------------------------------------------------------------------


def order_of_time(at, date, value, reader):
    """-1, 0 or 1 of a task's time (an instant or a day) and a filter's."""
    if at is not None and isinstance(value, dt.datetime):
        return (at > value) - (at < value)
    if at is not None:
        start, end = reader.span(value)
        return -1 if at < start else int(at >= end)
    day = value.astimezone(reader.zone).date() if isinstance(value, dt.datetime) else value
    return (date > day) - (date < day)


def holds(op, order):
    return {"=": order == 0, "<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0}[op]


TIMES = {"due": ("dueAt", "dueDate"), "start": ("startAt", "startDate"), "created": ("createdAt", None),
         "updated": ("updatedAt", None), "completed": ("completedAt", None)}
STORED = {"title": "title", "description": "description", "status": "status", "assignee": "assigneeIds",
          "creator": "createdBy", "label": "labelIds", "project": "projectId", "parent": "parentId", "number": "number"}


def named(value, ident, name):
    return fold(value) in (ident, fold(name))


def compare(field, op, value, task, reader):
    project = reader.projects[task["projectId"]]
    if field in TIMES:
        instant, day = (task.get(key) for key in TIMES[field])
        if value is None:
            return not instant and not day
        if not instant and not day:
            return False
        return holds(op, order_of_time(instant and parse(instant), day and dt.date.fromisoformat(day), value, reader))
    if field in ("done", "archived"):
        return (task["completedAt" if field == "done" else "archivedAt"] is not None) == value
    if field == "priority":
        rank, wanted = PRIORITIES.index(task["priority"]), PRIORITIES.index(value)
        return holds(op, (rank > wanted) - (rank < wanted))
    stored = task[STORED[field]]
    if value is None:
        return not stored
    if field == "number":
        return holds(op, (stored > value) - (stored < value))
    if field in ("title", "description"):
        if op == "~":
            mine, asked = words(stored), words(value)
            return all(w in mine for w in asked[:-1]) and any(w.startswith(asked[-1]) for w in mine)
        return stored != "" and fold(stored) == fold(value)
    if field in ("label", "status"):
        names = {i["id"]: i["name"] for i in project["labels" if field == "label" else "statuses"]}
        have = stored if field == "label" else [stored]
        return any(named(value, i, names.get(i, i)) for i in have)
    if field == "project":
        return named(value, stored, project["name"])
    if field == "parent":
        return stored == value
    have = stored if field == "assignee" else [stored]
    return any(i == reader.id if value == "me" else named(value, i, reader.people[i]) for i in have)


# -- random filters ---------------------------------------------------------------------


def name_values(dice, names, count, keyword=None):
    out = []
    for _ in range(count):
        name = dice.choice(names)
        out.append((name, name) if name == keyword else (quoted(dice, case(dice, name) if len(name) != 24 else name), name))
    return out


def comparison(dice, reader, tasks):
    """A random comparison that is right for its field."""
    task = dice.choice(tasks)
    project = reader.projects[task["projectId"]]
    field = dice.choice(list(TIMES) + list(STORED) + ["done", "archived", "priority", "due", "label"])
    if field in TIMES:
        value = ("null", None) if dice.randrange(6) == 0 else time_value(dice, reader)
        op = dice.choice(["=", "!="] if value[1] is None else ORDER + ["in", "not in"])
        return Comparison(field, op, [value])
    if field in ("done", "archived"):
        value = dice.choice(["true", "false"])
        return Comparison(field, dice.choice(["=", "!="]), [(case(dice, value), value == "true")])
    if field == "priority":
        values = [(case(dice, v), v) for v in dice.sample(PRIORITIES, 2)]
        op = dice.choice(ORDER + ["in", "not in"])
        return Comparison(field, op, values if op.endswith("in") else values[:1])
    if field == "number":
        return Comparison(field, dice.choice(ORDER), [(n := str(dice.randrange(30)), int(n))])
    if field in ("title", "description") and dice.randrange(2):
        text = " ".join(dice.sample(words(task[field]) or ["nothing"], 1))
        text = text[:dice.randrange(1, 9)]
        return Comparison(field, "~", [(f"'{text}'", text)])
    op = dice.choice(NAMES)
    count = dice.randrange(1, 4) if op.endswith("in") else 1
    if dice.randrange(6) == 0 and field not in ("title", "status", "project", "creator"):
        return Comparison(field, dice.choice(["=", "!="]), [("null", None)])
    names = {
        "title": [task["title"], "Other title"], "description": [task["description"] or "x"],
        "status": [s["id"] for s in project["statuses"]] + [s["name"] for s in project["statuses"]],
        "label": [i["id"] for i in project["labels"]] + [i["name"] for i in project["labels"]] + ["unknown"],
        "project": [project["id"], project["name"], "No such project"],
        "assignee": ["me", "me", *reader.people, *reader.people.values(), "Nobody"],
        "creator": ["me", *reader.people, *reader.people.values()],
        "parent": [t["id"] for t in dice.sample(tasks, 3)] + [task["parentId"] or task["id"]],
    }[field]
    return Comparison(field, op, name_values(dice, names, count, "me" if field in ("assignee", "creator") else None))


def random_filter(dice, reader, tasks, depth=3):
    if depth == 0 or dice.randrange(3) == 0:
        return comparison(dice, reader, tasks)
    word = dice.choice(["and", "and", "or", "not"])
    count = 1 if word == "not" else dice.randrange(2, 4)
    return Join(word, [random_filter(dice, reader, tasks, depth - (depth == 3) - 1) for _ in range(count)])
