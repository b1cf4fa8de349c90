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
        after = {name: pair[1] for name, pair in changes.items()}
        return {**known, **after, "rev": event["rev"], "updatedAt": event["at"], "updatedBy": event["actorId"]}

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


def public(project):
    """A project without what differs from reader to reader."""
    return {k: v for k, v in (project or {}).items() if k not in ("role", "members", "inbox")}


def of_snapshot(snapshot):
    return State(snapshot["project"], snapshot["members"], snapshot["tasks"])
