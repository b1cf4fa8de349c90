"""A client's copy of a project: built from a snapshot, updated by events, and compared with another.

Applying events is strict: each must be the next of its topic, so a state that compares equal has
also seen a log without gap or repeat.
"""


class State:
    def __init__(self, project=None, members=(), tasks=()):
        self.project = public(project)
        self.members = {m["userId"]: (m["role"], m["name"]) for m in members}
        self.tasks = {t["id"]: t for t in tasks}

    def apply(self, event, fetch=None):
        """fetch(entity, id) reads a document that an event leaves out; None: there is none any more."""
        kind, entity, data = event["kind"], event["entity"], event["data"]
        for task, counters in event.get("counts", {}).items():
            if task in self.tasks:
                self.tasks[task] = {**self.tasks[task], **counters}
        if event.get("dataOmitted") and entity in ("task", "project"):
            data = self.rebuilt(event) or (None if kind.endswith(".deleted") else fetch(entity, event["entityId"]))
        if entity == "task":
            known = self.tasks.get(event["entityId"])
            if known and known["rev"] >= event["rev"]:
                return  # a document that was fetched is newer
            gone = data is None or data["deletedAt"] or f"project:{data['projectId']}" != event["topic"]
            if gone:
                self.tasks.pop(event["entityId"], None)
            else:
                self.tasks[event["entityId"]] = data
        elif entity == "project":
            self.project = public(data)
        elif entity == "member":  # members are part of the project: it is its revision that rises
            self.project.update(rev=event["rev"], updatedAt=event["at"], updatedBy=event["actorId"])
            if kind == "member.removed" or data is None:
                self.members.pop(event["entityId"], None)
            else:
                self.members[event["entityId"]] = (data["role"], data["name"])

    def rebuilt(self, event):
        """The document by the one before and the event's changes; None where these do not suffice."""
        known = self.tasks.get(event["entityId"]) if event["entity"] == "task" else self.project
        changes = event["changes"]
        if not known or known["rev"] != event["rev"] - 1 or changes is None or None in changes.values():
            return None
        after = changed(known, changes)
        return {**after, "rev": event["rev"], "updatedAt": event["at"], "updatedBy": event["actorId"]}

    def __eq__(self, other):
        return not self.differences(other)

    def differences(self, other):
        """A description of the differences, for a failing test."""
        found = []
        if self.project != other.project:
            found.append(f"project {self.project} / {other.project}")
        if self.members != other.members:
            found.append(f"members {self.members} / {other.members}")
        for task in sorted(self.tasks.keys() | other.tasks.keys()):
            mine, theirs = self.tasks.get(task), other.tasks.get(task)
            if mine != theirs:
                found.append(f"task {task}: {mine} / {theirs}")
        return found

    def __repr__(self):
        return f"State({self.project}, {self.members}, {sorted(self.tasks.values(), key=lambda t: t['id'])})"


def key_of(item):
    """By what an item of a list is known."""
    if isinstance(item, dict):
        return item["id"] if "id" in item else f"{item['kind']}/{item['taskId']}"
    return item


def changed(document, changes):
    """The document with an event's changes applied in their order: fields, and items of lists."""
    after = dict(document)
    for name, (_, value) in changes.items():
        field, *path = name.split("/")
        if not path:
            after[field] = value
            continue
        size = 2 if field == "relations" else 1
        key, member = "/".join(path[:size]), (path[size:] or [None])[0]
        items = list(after[field])
        at = next((n for n, item in enumerate(items) if key_of(item) == key), None)
        if member == "after":
            item = items.pop(at)
            before = 0 if value is None else 1 + next(n for n, other in enumerate(items) if key_of(other) == value)
            items.insert(before, item)
        elif member is not None:
            items[at] = {**items[at], member: value}
        elif value is None:
            del items[at]
        else:
            items.append(value)
        after[field] = items
    return after


def public(project):
    """A project without what differs from reader to reader."""
    return {k: v for k, v in (project or {}).items() if k not in ("role", "members", "inbox")}


def of_snapshot(snapshot):
    return State(snapshot["project"], snapshot["members"], snapshot["tasks"])
