"""The table of who may call which route, and the entities to try it with.

A row: method and path as in openapi.json, who may (anyone, self: whoever is signed in, on what is
theirs; or the least role in the project), the status they get, and what is sent.
"""
import dataclasses
import secrets
import time

import judge
import queued
from client import PASSWORD, User, eventually, fresh_account

ANYONE, MAYBE, SELF = "anyone", "maybe", "self"  # maybe: a token is not needed, but must be good
ROLES = ("viewer", "commenter", "member", "admin", "owner")
STRANGERS = ("stranger", "removed")
OPEN = ("viewer", "commenter", "member")  # what an open project may give to everyone
SCOPES = ("read", "write", "admin")
PERSON = "person"  # no API token will do


@dataclasses.dataclass
class Row:
    op: str
    who: str
    status: int
    body: object = None  # a dict, or made from the scene
    things: dict = dataclasses.field(default_factory=dict)  # {name} of the path -> attribute of the scene
    fresh: bool = False  # spoils the caller's account or session
    scope: str = ""  # of API tokens; by default read for GET, else write
    query: str = ""
    step_up: bool = False  # needs a password given within the last 15 minutes
    bound_here: int = 0  # what an API token gets that is bound to this project, if not the status
    bound: int = 403  # what an API token gets that is bound to another project; of a project always 404

    @property
    def method(self):
        return self.op.split()[0]

    @property
    def path(self):
        return self.op.split()[1] + self.query

    @property
    def needed_scope(self):
        return self.scope or ("read" if self.method == "GET" else "write")

    @property
    def is_ours(self):
        """Is it about a project, so that roles decide?"""
        return self.who in ROLES


def project(op, who, status, body=None, thing="project_id", **more):
    return Row(op, who, status, body, {"id": thing, "userId": "guest_id", "invitationId": "invitation_id",
                                       "labelId": "label_id", "statusId": "status_id", "linkId": "link_id"}, **more)


def task(op, who, status, body=None, thing="task_id", **more):
    return Row(op, who, status, body, {"id": thing, "itemId": "item_id", "labelId": "label_id", "userId": "guest_id",
                                       "kind": "relation_kind", "taskId": "other_task_id"}, **more)


ROWS = [
    Row("GET /v1/health", ANYONE, 200),
    Row("GET /v1/ready", ANYONE, 200),
    Row("GET /v1/openapi.json", ANYONE, 200),
    Row("POST /v1/users", ANYONE, 201, lambda s: fresh_account("matrix")),
    Row("GET /v1/users", SELF, 200, query="?ids=" + "f" * 24, bound=200),
    Row("GET /v1/me", SELF, 200, bound=200),
    Row("PATCH /v1/me", SELF, 200, {"locale": "de"}, scope=PERSON),
    Row("DELETE /v1/me", SELF, 204, {"password": PASSWORD}, fresh=True, scope=PERSON),
    Row("GET /v1/me/export", SELF, 200, scope=PERSON, step_up=True),
    Row("POST /v1/me/password", SELF, 204, lambda s: {"currentPassword": PASSWORD, "newPassword": new_password()},
        fresh=True, scope=PERSON),
    Row("POST /v1/me/totp", SELF, 201, {"password": PASSWORD}, fresh=True, scope=PERSON),
    Row("PUT /v1/me/totp", SELF, 409, {"code": "000000"}, fresh=True, scope=PERSON),
    Row("DELETE /v1/me/totp", SELF, 409, {"password": PASSWORD, "code": "000000"}, fresh=True, scope=PERSON),
    Row("POST /v1/verifications", SELF, 202, {"purpose": "email"}, fresh=True, scope=PERSON),
    Row("PUT /v1/verifications", MAYBE, 401, {"token": "x" * 43}, scope=PERSON),
    Row("POST /v1/password-resets", ANYONE, 202, {"email": "nobody@example.com"}),
    Row("PUT /v1/password-resets", ANYONE, 401, lambda s: {"token": "x" * 43, "password": new_password()}),
    Row("POST /v1/sessions", ANYONE, 201, lambda s: {"login": s.host.email, "password": PASSWORD}),
    Row("GET /v1/sessions", SELF, 200, scope=PERSON),
    Row("DELETE /v1/sessions", SELF, 204, fresh=True, scope=PERSON, step_up=True),
    Row("POST /v1/sessions/refresh", ANYONE, 401, {"refreshToken": "x" * 68}),
    Row("POST /v1/sessions/current/confirm", SELF, 204, {"password": PASSWORD}, scope=PERSON),
    Row("PATCH /v1/sessions/{id}", SELF, 200, {"device": "m"}, {"id": "own_session"}, scope=PERSON),
    Row("DELETE /v1/sessions/{id}", SELF, 204, None, {"id": "own_session"}, scope=PERSON),
    Row("POST /v1/api-tokens", SELF, 201, {"name": "m", "scopes": ["read"]}, fresh=True,
        scope=PERSON, step_up=True),
    Row("GET /v1/api-tokens", SELF, 200, scope=PERSON),
    Row("DELETE /v1/api-tokens/{id}", SELF, 204, None, {"id": "own_api_token"}, scope=PERSON),
    Row("GET /v1/projects", SELF, 200, bound=200),
    Row("POST /v1/projects", SELF, 201, {"name": "Another"}),
    project("GET /v1/projects/{id}", "viewer", 200),
    project("PATCH /v1/projects/{id}", "admin", 200, {"name": "Other"}),
    project("DELETE /v1/projects/{id}", "owner", 204, scope="admin"),
    project("POST /v1/projects/{id}/restore", "owner", 200, thing="trashed_project_id", scope="admin"),
    project("GET /v1/projects/{id}/members", "viewer", 200),
    project("POST /v1/projects/{id}/members", "admin", 201, lambda s: to_nobody(), scope="admin"),
    project("POST /v1/projects/{id}/duplicate", "viewer", 201, {"name": "Copy"}, bound_here=403),
    project("PUT /v1/projects/{id}/members/{userId}", "admin", 200, {"role": "commenter"}, scope="admin"),
    project("DELETE /v1/projects/{id}/members/{userId}", "admin", 204, scope="admin"),
    project("POST /v1/projects/{id}/invitations", "admin", 201, lambda s: to_nobody(), scope="admin"),
    project("GET /v1/projects/{id}/invitations", "admin", 200),
    project("GET /v1/projects/{id}/invitations/{invitationId}", "admin", 200),
    project("DELETE /v1/projects/{id}/invitations/{invitationId}", "admin", 204, scope="admin"),
    project("POST /v1/projects/{id}/links", "admin", 201, {"name": "m"}, scope="admin", step_up=True),
    project("GET /v1/projects/{id}/links", "admin", 200),
    project("GET /v1/projects/{id}/links/{linkId}", "admin", 200),
    project("PATCH /v1/projects/{id}/links/{linkId}", "admin", 200, {"name": "m"}, scope="admin", step_up=True),
    project("DELETE /v1/projects/{id}/links/{linkId}", "admin", 204, scope="admin"),
    Row("POST /v1/links/sessions", ANYONE, 201, lambda s: {"token": s.link_token}),
    Row("GET /v1/invitations", SELF, 200, scope=PERSON),
    Row("POST /v1/invitations/look", ANYONE, 200, lambda s: {"token": s.invitation_token}),
    Row("POST /v1/invitations/accept", SELF, 200, lambda s: {"token": s.invitation_token}, scope=PERSON),
    Row("POST /v1/invitations/decline", MAYBE, 204, lambda s: {"token": s.invitation_token}, scope=PERSON),
    *(project(op, who, status, body) for name, key in (("labels", "labelId"), ("statuses", "statusId"))
      for op, who, status, body in (
          (f"GET /v1/projects/{{id}}/{name}", "viewer", 200, None),
          (f"POST /v1/projects/{{id}}/{name}", "admin", 201, {"name": "Another"}),
          (f"GET /v1/projects/{{id}}/{name}/{{{key}}}", "viewer", 200, None),
          (f"PATCH /v1/projects/{{id}}/{name}/{{{key}}}", "admin", 200, {"name": "Other"}),
          (f"DELETE /v1/projects/{{id}}/{name}/{{{key}}}", "admin", 204, None),
          (f"POST /v1/projects/{{id}}/{name}/{{{key}}}/move", "admin", 200, {}))),
    project("GET /v1/projects/{id}/snapshot", "viewer", 200),
    project("GET /v1/projects/{id}/events", "viewer", 200),
    Row("GET /v1/tasks", SELF, 200, bound=200),
    Row("POST /v1/tasks", "member", 201, lambda s: {"title": "New", "projectId": s.project_id}),
    Row("POST /v1/tasks/bulk", SELF, 200, {"ids": ["f" * 24], "change": {"priority": "low"}}, bound=200),
    Row("GET /v1/occurrences", SELF, 200, query="?rule=FREQ=DAILY&dueDate=2040-01-02", bound=200),
    task("GET /v1/tasks/{id}", "viewer", 200),
    task("PATCH /v1/tasks/{id}", "member", 200, {"title": "Other"}),
    task("DELETE /v1/tasks/{id}", "member", 204),
    task("POST /v1/tasks/{id}/restore", "member", 200, thing="trashed_task_id"),
    task("POST /v1/tasks/{id}/move", "member", 200, {"status": "completed"}),
    task("POST /v1/tasks/{id}/undo", "member", 200, lambda s: {"seq": s.own_change}),
    task("POST /v1/tasks/{id}/duplicate", "member", 201, {}),
    task("POST /v1/tasks/{id}/skip", "member", 200, thing="recurring_id"),
    task("GET /v1/tasks/{id}/occurrences", "viewer", 200),
    task("GET /v1/tasks/{id}/checklist", "viewer", 200),
    task("POST /v1/tasks/{id}/checklist", "member", 201, {"text": "Another"}),
    task("GET /v1/tasks/{id}/checklist/{itemId}", "viewer", 200),
    task("PATCH /v1/tasks/{id}/checklist/{itemId}", "member", 200, {"done": True}),
    task("DELETE /v1/tasks/{id}/checklist/{itemId}", "member", 204),
    task("POST /v1/tasks/{id}/checklist/{itemId}/move", "member", 200, {}),
    task("PUT /v1/tasks/{id}/labels/{labelId}", "member", 200),
    task("DELETE /v1/tasks/{id}/labels/{labelId}", "member", 204),
    task("PUT /v1/tasks/{id}/assignees/{userId}", "member", 200),
    task("DELETE /v1/tasks/{id}/assignees/{userId}", "member", 204),
    task("PUT /v1/tasks/{id}/relations/{kind}/{taskId}", "member", 200),
    task("DELETE /v1/tasks/{id}/relations/{kind}/{taskId}", "member", 204),
    task("GET /v1/tasks/{id}/history", "viewer", 200),
    task("GET /v1/tasks/{id}/subscription", "viewer", 200),
    task("PUT /v1/tasks/{id}/subscription", "viewer", 200, {"state": "muted"}),
    task("DELETE /v1/tasks/{id}/subscription", "viewer", 204),
    Row("GET /v1/subscriptions", SELF, 200, bound=200),
    Row("POST /v1/batch", SELF, 200, {"ops": [{"method": "DELETE", "path": "/v1/tasks/" + "f" * 24}]}, bound=200),
    Row("GET /v1/sync", SELF, 200, bound=200),
    Row("POST /v1/sync", SELF, 200, {"cursor": None}, scope="read", bound=200),
    task("GET /v1/tasks/{id}/comments", "viewer", 200),
    task("POST /v1/tasks/{id}/comments", "commenter", 201, {"text": "So?"}),
    task("GET /v1/comments/{id}", "viewer", 200, thing="comment_id"),
    task("PATCH /v1/comments/{id}", "commenter", 200, {"text": "So!"}, thing="comment_id"),
    task("DELETE /v1/comments/{id}", "commenter", 204, thing="comment_id"),
    task("GET /v1/tasks/{id}/attachments", "viewer", 200),
    task("POST /v1/tasks/{id}/attachments", "member", 201, {"a": "file"}, query="?name=a.json"),
    task("GET /v1/attachments/{id}", "viewer", 200, thing="attachment_id"),
    task("GET /v1/attachments/{id}/content", "viewer", 200, thing="attachment_id"),
    task("PATCH /v1/attachments/{id}", "member", 200, {"name": "b.txt"}, thing="attachment_id"),
    task("DELETE /v1/attachments/{id}", "member", 204, thing="attachment_id"),
    Row("GET /v1/filters", SELF, 200),
    Row("POST /v1/filters", SELF, 201, {"name": "Mine", "filter": "assignee = me"}),
    Row("GET /v1/filters/{id}", SELF, 200, None, {"id": "own_filter"}),
    Row("PATCH /v1/filters/{id}", SELF, 200, {"name": "Other"}, {"id": "own_filter"}),
    Row("DELETE /v1/filters/{id}", SELF, 204, None, {"id": "own_filter"}),
    Row("GET /v1/jobs", SELF, 200),
    Row("GET /v1/jobs/{id}", SELF, 200, None, {"id": "own_job"}),
    Row("DELETE /v1/jobs/{id}", SELF, 204, None, {"id": "own_job"}),
    Row("GET /v1/counts", SELF, 200, bound=200),
    Row("GET /v1/notifications", SELF, 200, bound=200),
    Row("PATCH /v1/notifications/{id}", SELF, 200, {"read": True}, {"id": "own_notification"}, bound=404),
    Row("POST /v1/notifications/read", SELF, 204, bound=204),
]
BY_OP = {row.op: row for row in ROWS}
# What the reader of a share link gets, of the link's project; everything else is 403.
BY_LINK = {"GET /v1/users", "GET /v1/tasks",
           *("GET /v1/projects/{id}" + sub for sub in ("", "/members", "/labels", "/labels/{labelId}", "/statuses", "/statuses/{statusId}",
                                                       "/snapshot", "/events")),
           *("GET /v1/tasks/{id}" + sub for sub in ("", "/occurrences", "/checklist", "/checklist/{itemId}", "/history", "/comments",
                                                    "/attachments")),
           "GET /v1/comments/{id}", "GET /v1/attachments/{id}", "GET /v1/attachments/{id}/content"}
# What answers of a project in the trash, to those whose role would do: its past, and the way back.
IN_TRASH = ("GET /v1/projects/{id}/events", "GET /v1/tasks/{id}/history", "POST /v1/projects/{id}/restore")


def to_nobody():
    """An invitation of an address that had none before: emails to one are limited."""
    return {"email": f"nobody.{secrets.token_hex(6)}@example.com", "role": "viewer"}


def new_password():
    return "another long password " + secrets.token_hex(4)


def operations():
    """`METHOD /path` of everything in the published contract."""
    return [f"{method.upper()} {path}" for path, methods in judge.contract["paths"].items()
            for method in methods if method in ("get", "post", "put", "patch", "delete")]


def may(row, role):
    return ROLES.index(role) >= ROLES.index(row.who)


class Cast:
    """People who stay: the host owns every scene, the others come as somebody."""

    def __init__(self, world):
        self.world = world
        self.host, self.guest, self.new = (world.user(name) for name in ("host", "guest", "newcomer"))
        self.by_role = {role: world.user(role) for role in (*ROLES, *STRANGERS)}
        for role in (*ROLES, "removed"):
            self.host.acquaint(self.by_role[role])
        self.host.acquaint(self.guest)
        self.renewed = time.monotonic()

    def renew(self, after=240):
        """Logs everyone in again if necessary: an access token is valid for 600 s."""
        if time.monotonic() - self.renewed < after:
            return
        for user in (self.host, self.guest, self.new, *self.by_role.values()):
            user.take(User(self.world).post("/v1/sessions", login=user.email, password=user.password).expect(201))
        self.renewed = time.monotonic()


class Scenes:
    """Scenes that several rows use, one after the other, where none of them changes anything."""

    def __init__(self, cast):
        self.cast, self.kept = cast, {}

    def take(self, row, role="owner", caller=None, access_role=None, refused=False):
        """A scene for a row: a kept one unless the row takes away what others need, or spoils the account."""
        harmless = refused or row.method != "DELETE" or not row.is_ours
        if row.fresh or not harmless or any("trashed" in thing for thing in row.things.values()):
            return Scene(self.cast, role, caller, access_role)
        key = role, caller and caller.id, access_role
        if key not in self.kept:
            self.kept[key] = Scene(self.cast, role, caller, access_role).furnish()
        if not refused:
            self.kept[key].known = None
        return self.kept[key]

    def close(self):
        for scene in self.kept.values():
            scene.close()


GIVEN = ("project_id", "guest_id", "label_id", "status_id", "relation_kind")  # there without being made


class Scene:
    """A project of the host, with the caller in a role; what else a row needs is made when asked for.
    An open one gives its access role to everyone; close it after use, since everyone sees it."""

    def __init__(self, cast, role="owner", caller=None, access_role=None):
        self.cast, self.world, self.role = cast, cast.world, role
        self.host, self.guest, self.new = cast.host, cast.guest, cast.new
        self.caller = caller or cast.by_role[role]
        self.project = self.host.project("Scene", labels=[{"id": self.label_id, "name": "Red"}])
        self.project_id, self.guest_id = self.project["id"], self.guest.id
        self.host.share(self.project, self.guest, "member")
        self._task, self._settled, self.access_role = None, False, access_role
        self.made = {}
        self.program = None  # an API token of the caller that is bound to the project
        self.known = None  # its state, if nothing was done since it was looked at
        if access_role:
            self.host.patch(self.project, access="everyone", accessRole=access_role).expect(200)
        if role != "stranger":
            self.host.share(self.project, self.caller, "commenter" if role == "removed" else role)

    def settle(self):
        """A removed member had the role until now."""
        if self.role == "removed" and not self._settled:
            self._settled, self.known = True, None
            self.host.delete(f"/v1/projects/{self.project_id}/members/{self.caller.id}").expect(204)
        return self

    def prepare(self, row):
        """The path and body of a row, with all that they need in place."""
        path = row.path
        if callable(row.body):
            self.known = None
        for name, attribute in row.things.items():
            if "{" + name + "}" in path:
                if attribute not in self.made and attribute not in GIVEN:
                    self.known = None
                path = path.replace("{" + name + "}", self.made.get(attribute) or getattr(self, attribute))
        body = row.body(self) if callable(row.body) else row.body
        self.settle()
        return path, body

    def furnish(self):
        """Makes what rows need, once, so that the scene can be used again."""
        self.made = {a: getattr(self, a) for a in ("task_id", "item_id", "other_task_id", "recurring_id", "comment_id",
                                                   "attachment_id", "invitation_id", "link_id")}
        return self

    @property
    def task(self):
        self._task = self._task or self.host.task("A", projectId=self.project_id)
        return self._task

    @property
    def task_id(self):
        return self.task["id"]

    label_id, status_id, relation_kind = "red", "in-progress", "relates"

    @property
    def item_id(self):
        return self.host.post(self.task, "/checklist", text="An item").expect(201)["checklist"][-1]["id"]

    @property
    def other_task_id(self):
        return self.host.task("Another", projectId=self.project_id)["id"]

    @property
    def own_change(self):
        """The number of the caller's own change of the task, or of the host's if the caller may not write."""
        if self.caller.patch(self.task, description=secrets.token_hex(6)).status != 200:
            self.host.patch(self.task, description=secrets.token_hex(6))
        return self.host.items(f"/v1/tasks/{self.task_id}/history", limit=1)[0]["seq"]

    @property
    def recurring_id(self):
        return self.host.task("Again", projectId=self.project_id, dueDate="2040-01-02",
                              recurrence={"rule": "FREQ=DAILY"})["id"]

    @property
    def trashed_task_id(self):
        self.host.delete(self.task).expect(204)
        return self.task["id"]

    @property
    def trashed_project_id(self):
        self.settle()
        self.host.delete(self.project).expect(204)
        return self.project_id

    @property
    def comment_id(self):
        """The caller's own, if they ever could write one."""
        if self.role == "viewer":
            self.host.share(self.project, self.caller, "commenter")
        silent = self.role == "stranger" and self.access_role in (None, "viewer")
        author = self.host if silent else self.caller
        made = author.post(self.task, "/comments", text="Hm").expect(201)
        if self.role == "viewer":
            self.host.share(self.project, self.caller, "viewer")
        return made["id"]

    @property
    def attachment_id(self):
        return self.host.attach(self.task).expect(201)["id"]

    @property
    def invitation_id(self):
        return self.host.post(self.project, "/invitations", **to_nobody()).expect(201)["id"]

    @property
    def invitation_token(self):
        """Of an invitation to a project where the caller is not a member yet."""
        return self.guest.post(self.guest.project("Elsewhere"), "/invitations", **to_nobody()).expect(201)["token"]

    @property
    def link(self):
        """A share link, once for the scene."""
        if "link" not in self.made:
            self.made["link"] = self.host.post(self.project, "/links").expect(201)
        return self.made["link"]

    @property
    def link_id(self):
        return self.host.post(self.project, "/links").expect(201)["id"]

    @property
    def link_token(self):
        return self.link["token"]

    @property
    def own_session(self):
        return own_session(self.caller)

    @property
    def own_api_token(self):
        return self.caller.post("/v1/api-tokens", name="x", scopes=["read"]).expect(201)["id"]

    @property
    def own_filter(self):
        return self.caller.post("/v1/filters", name="Mine", filter="done = false").expect(201)["id"]

    @property
    def own_job(self):
        return queued.insert(self.world.stack, self.caller)

    @property
    def own_notification(self):
        inbox = self.host.project("Notices")
        self.host.share(inbox, self.caller, "member")
        self.host.task("Yours", projectId=inbox["id"], assigneeIds=[self.caller.id])
        return self.caller.items("/v1/notifications", limit=1)[0]["id"]

    def trash(self):
        """Into the trash with it; gives the path and body of each row, with all in place before."""
        made = {a: getattr(self, a) for a in ("project_id", "guest_id", "task_id", "item_id", "label_id", "status_id", "relation_kind",
                                              "other_task_id", "recurring_id", "comment_id", "attachment_id", "invitation_id", "link_id")}
        made |= {"trashed_task_id": made["task_id"], "trashed_project_id": made["project_id"]}
        self.settle()
        self.host.delete(self.project).expect(204)
        ready = {}
        for row in ROWS:
            path = row.path
            for name, attribute in row.things.items():
                path = path.replace("{" + name + "}", made.get(attribute, ""))
            ready[row.op] = path, row.body(self) if row.is_ours and callable(row.body) else row.body
        return ready

    def close(self):
        """Only members still see it."""
        if self.access_role:
            self.host.post(self.project, "/restore")
            self.host.patch(self.project, access="members").expect(200)

    def state(self):
        """Everything the host can see of it, to detect changes by a refused request."""
        got = self.host.get(f"/v1/projects/{self.project_id}/snapshot")
        if got.status != 200:
            return got.status, None, None
        talk = self._task and self.host.get(f"/v1/tasks/{self.task_id}/comments")
        return got.status, got.json, talk and (talk.status, talk.json.get("items"))


def own_session(user):
    """A second session of the same person."""
    before = {s["id"] for s in user.items("/v1/sessions", limit=200)}
    user.log_in()
    return next(s["id"] for s in user.items("/v1/sessions", limit=200) if s["id"] not in before)


def api_token(user, *scopes, **more):
    """A User who shows an API token instead."""
    from client import User
    other = User(user.world)
    made = user.post("/v1/api-tokens", name="matrix", scopes=list(scopes), **more).expect(201)
    other.token, other.id, other.made = made["token"], user.id, made
    return other


def reader(scene):
    """Whoever has the scene's share link."""
    other = User(scene.world)
    other.token = other.post("/v1/links/sessions", token=scene.link_token).expect(201)["accessToken"]
    return other


def expired_api_token(user):
    soon = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() + 2))
    other = api_token(user, "admin", expiresAt=soon)
    eventually(lambda: other.get("/v1/me").status == 401, what="its end")
    return other
