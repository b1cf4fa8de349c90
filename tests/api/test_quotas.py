"""Quotas on what exists and on what is sent: each is a setting, and exceeding it is a clear problem, even concurrently.

tests/security/quotas.md lists every quota with its test."""
import http.client
import json
import secrets
import threading
import urllib.parse

import pytest
from client import PASSWORD, SETTINGS, World, eventually, fresh_account
from outbox import Outbox
from pymongo import MongoClient
from stack import Stack

SMALL = {"USER_PROJECTS": "5", "USER_MEMBERSHIPS": "8", "USER_OPEN_PROJECTS": "2", "OPEN_PROJECTS": "4", "PROJECT_MEMBERS": "3", "PROJECT_TASKS": "6", "PROJECT_WRITTEN_BYTES": "100000",
         "ATTACHMENT_BYTES": "200000", "PROJECT_BYTES": "1000000", "TASK_ATTACHMENTS": "3", "PROJECT_INVITATIONS": "4", "PROJECT_LINKS": "3", "USER_SUBSCRIPTIONS": "2", "WATCHER_NOTIFICATIONS": "3", "USER_INVITATIONS": "6",
         "USER_NOTIFICATIONS": "20", "NUMBER_TEXTS": "3", "USER_TEXTS": "5", "ADDRESS_EMAILS": "6", "USER_CODES": "4",
         "USER_CODE_ATTEMPTS": "12", "ADDRESS_LOGINS": "1000000", "NETWORK_RESETS": "8"}


@pytest.fixture(scope="module")
def small():
    with Stack(settings={**SETTINGS, **SMALL}) as stack:
        yield stack


@pytest.fixture(scope="module")
def people(small):
    return World(small.url, small.ws_url)


@pytest.fixture
def outbox(small):
    return Outbox(small.data / "outbox")


@pytest.fixture
def owner(people):
    return people.user("owner")


def at_once(count, work):
    """The statuses of that many concurrent requests."""
    replies = []
    threads = [threading.Thread(target=lambda n=n: replies.append(work(n))) for n in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return sorted(reply.status for reply in replies)


# -- what exists ---------------------------------------------------------------------------------
def test_a_users_projects_are_limited(people, owner):
    """Four besides the inbox.  Regression: eight concurrent requests all succeeded."""
    assert at_once(8, lambda n: owner.post("/v1/projects", name=f"P{n}")) == [201] * 4 + [409] * 4
    owner.post("/v1/projects", name="One more").expect(409, "quota-exceeded")
    assert len(owner.items("/v1/projects")) == 5
    project = owner.items("/v1/projects")[0]
    owner.post(project, "/duplicate", name="A copy").expect(409, "quota-exceeded")
    assert len(owner.items("/v1/projects")) == 5
    people.user("other").post("/v1/projects", name="Mine").expect(201)


def test_a_users_memberships_are_limited(people, owner):
    """Regression: there was no limit, so one user could add another to more projects than /v1/sync returns, and others were missing there."""
    victim, hosts = people.user("victim"), [owner, people.user("host")]
    for host in hosts:
        host.acquaint(victim)
    projects = [hosts[n // 3].project(f"P{n}") for n in range(6)]
    put = [hosts[n // 3].put(projects[n], f"/members/{victim.id}", role="viewer") for n in range(6)]
    assert [reply.status for reply in put] == [200] * 5 + [409] and put[-1].slug == "quota-exceeded"
    victim.post("/v1/projects", name="Mine").expect(409, "quota-exceeded")
    token = hosts[1].invite(projects[5], victim.email)["token"]
    victim.post("/v1/invitations/accept", token=token).expect(409, "quota-exceeded")
    victim.delete(f"/v1/projects/{projects[0]['id']}/members/{victim.id}").expect(204)
    victim.project("Mine")


def test_a_projects_links_are_limited(owner):
    project = owner.project("Shared")
    links = f"/v1/projects/{project['id']}/links"
    assert at_once(6, lambda n: owner.post(links, name=f"L{n}")) == [201] * 3 + [409] * 3
    owner.post(links).expect(409, "quota-exceeded")
    owner.delete(f"{links}/{owner.items(links)[0]['id']}").expect(204)
    owner.post(links).expect(201)


def test_adding_an_acquaintance_counts_as_an_invitation(people, owner):
    others = [people.user(f"other{n}") for n in range(3)]
    shared = owner.project("Shared")
    for other in others[:2]:
        owner.share(shared, other)  # two of six
    projects = [owner.project(f"P{n}") for n in range(3)]
    statuses = [owner.put(project, f"/members/{other.id}", role="member").status for project in projects for other in others[:2]]
    assert statuses == [200] * 4 + [429] * 2
    owner.put(projects[0], f"/members/{others[0].id}", role="admin").expect(200)  # who is a member already
    copies = [others[0].post(projects[0], "/duplicate", name="Copy", members=True).status for _ in range(4)]
    assert copies == [201] * 3 + [429] and len(others[0].items("/v1/projects")) == 7  # with two others each


def test_a_projects_members_are_limited(people, owner):
    """Three including the owner: by invitation, by joining and by PUT, also concurrently."""
    others = [people.user(f"member{n}") for n in range(4)]
    invited, joined = owner.project("Invited"), owner.project("Joined", access="everyone")
    tokens = [owner.invite(invited, user.email)["token"] for user in others]
    assert at_once(4, lambda n: others[n].post("/v1/invitations/accept", token=tokens[n])) == [200] * 2 + [409] * 2
    refused = next(n for n in range(4) if others[n].get(invited).status == 404)
    others[refused].post("/v1/invitations/accept", token=tokens[refused]).expect(409, "quota-exceeded")
    path = f"/v1/projects/{joined['id']}/members/"
    assert at_once(4, lambda n: others[n].put(path + others[n].id, role="viewer")) == [200] * 2 + [409] * 2
    host, known = people.user("host"), [people.user(f"known{n}") for n in range(3)]
    put = host.project("Put")
    for n in (0, 1):
        host.share(put, known[n])
    other = host.project("Other")
    host.delete(f"/v1/projects/{put['id']}/members/{known[1].id}").expect(204)
    host.share(other, known[1])
    host.share(other, known[2])
    path = f"/v1/projects/{put['id']}/members/"
    assert at_once(2, lambda n: host.put(path + known[n + 1].id, role="member")) == [200, 409]
    members = [m for m in host.items(f"/v1/projects/{put['id']}/members") if m["userId"] != host.id]
    host.put(path + members[0]["userId"], role="admin").expect(200)  # who is a member needs no room
    owner.patch(joined, access="members").expect(200)  # its place is for others


def test_an_account_can_be_opened_even_if_the_inviting_project_is_full(people, owner):
    """Regression: the whole registration was refused.  The invitation stays pending until there is room."""
    project, others = owner.project(), [people.user(), people.user()]
    token = owner.invite(project, fresh_account()["email"])["token"]
    for other in others:
        owner.share(project, other)
    newcomer = people.anonymous()
    newcomer.take(newcomer.post("/v1/users", **fresh_account("newcomer"), invitation=token).expect(201))
    newcomer.get(project).expect(404)
    newcomer.post("/v1/invitations/accept", token=token).expect(409, "quota-exceeded")
    owner.delete(f"/v1/projects/{project['id']}/members/{others[0].id}").expect(204)
    newcomer.accept(token)


def test_invitations_are_limited_per_project_and_per_user(people, owner):
    """Pending invitations are counted exactly even concurrently; an answered one frees a place in the project, but not in its sender's quota."""
    project, addresses = owner.project(), [fresh_account()["email"] for _ in range(9)]
    path = f"/v1/projects/{project['id']}/invitations"
    assert at_once(6, lambda n: owner.post(path, email=addresses[n])) == [201] * 4 + [409] * 2
    owner.post(path, email=addresses[6]).expect(409, "quota-exceeded")
    owner.delete(f"{path}/{owner.items(path)[0]['id']}").expect(204)
    owner.post(path, email=addresses[7]).expect(201)
    owner.post(owner.project(), "/invitations", email=addresses[8]).expect(201)
    refused = owner.post(owner.project(), "/invitations", email=addresses[8]).expect(429, "throttled")
    assert refused.headers["ratelimit-policy"].endswith('"user-invitations";q=6;w=86400')
    assert 0 < int(refused.headers["retry-after"]) <= 86400


def test_open_projects_are_limited_per_user_and_in_total(people, owner):
    mine = [owner.project(f"P{n}") for n in range(3)]
    statuses = at_once(3, lambda n: owner.patch(mine[n], access="everyone"))
    assert statuses == [200, 200, 409]
    owner.post("/v1/projects", name="Open", access="everyone").expect(409, "quota-exceeded")
    others = [people.user(f"other{n}") for n in range(3)]
    projects = [user.project("Theirs") for user in others]
    assert at_once(3, lambda n: others[n].patch(projects[n], access="everyone")) == [200, 200, 409]
    opened = next(p for p in mine if owner.get(p).expect(200)["access"] == "everyone")
    owner.patch(opened, access="members").expect(200)
    closed = next(n for n in range(3) if others[n].get(projects[n])["access"] == "members")
    others[closed].patch(projects[closed], access="everyone").expect(200)


def test_open_projects_count_whether_created_open_or_opened_later():
    """Projects created open and projects opened later count together, and never exceed the limit."""
    with Stack(settings={**SETTINGS, "OPEN_PROJECTS": "3"}) as stack:
        world = World(stack.url, stack.ws_url)
        users = [world.user(f"open{n}") for n in range(6)]
        for _ in range(5):
            closed = {n: users[n].project("Closed") for n in range(0, 6, 2)}

            def open_one(n):
                if n in closed:
                    return users[n].patch(closed[n], access="everyone")
                return users[n].post("/v1/projects", name="Open", access="everyone")

            statuses = at_once(6, open_one)
            assert statuses == [200] * statuses.count(200) + [201] * (3 - statuses.count(200)) + [409] * 3
            with MongoClient(stack.mongodb_uri) as mongo:
                opened = list(mongo[stack.mongodb_database].projects.find({"access": "everyone"}))
            assert len(opened) == 3
            for project in opened:
                owner = next(u for u in users if u.id == str(project["createdBy"]))
                owner.patch(f"/v1/projects/{project['_id']}", access="members").expect(200)


def test_a_projects_tasks_are_limited(owner):
    project, target = owner.project(), owner.project()
    assert at_once(9, lambda n: owner.post("/v1/tasks", title=f"T{n}", projectId=project["id"])) == [201] * 6 + [409] * 3
    owner.post("/v1/tasks", title="One more", projectId=project["id"]).expect(409, "quota-exceeded")
    task = owner.task(projectId=target["id"])
    owner.post(task, "/move", projectId=project["id"]).expect(409, "quota-exceeded")
    assert owner.get(task).expect(200)["projectId"] == target["id"]


def test_a_projects_bytes_are_limited(people, owner):
    """Everything ever written to it counts, exactly even for concurrent writes; removing is free."""
    project, stranger, text = owner.project(), people.user("stranger"), "x" * 23000
    assert at_once(6, lambda n: owner.post("/v1/tasks", title=f"T{n}", description=text, projectId=project["id"])) == (
        [201] * 4 + [409] * 2)
    task = owner.items("/v1/tasks", projectId=project["id"])[0]
    owner.patch(task, description="y" * 9000).expect(409, "quota-exceeded")
    owner.patch(task, title="Short").expect(200)
    owner.post(f"/v1/tasks/{task['id']}/comments", text="z" * 9000).expect(409, "quota-exceeded")
    stranger.patch(task, description=text).expect(404)
    stranger.post("/v1/tasks", title="T", description=text, projectId=project["id"]).expect(404)
    owner.delete(task).expect(204)
    owner.post("/v1/tasks", title="Elsewhere", description=text, projectId=owner.project()["id"]).expect(201)


def test_a_reader_cannot_use_up_the_bytes_of_a_project(people, owner):
    """Watching or muting a task writes to the reader's own topic only, however long the request is."""
    reader, project = people.user("reader"), owner.project()
    owner.share(project, reader, "viewer")
    task = owner.task(projectId=project["id"])
    for state in (b"muted", b"watching", b"muted", b"watching"):
        reader.send("PUT", f"/v1/tasks/{task['id']}/subscription", raw=b'{"state": "%s"}' % state + b" " * 40000).expect(200)
    owner.patch(task, description="x" * 40000).expect(200)


def test_duplicates_count_like_what_a_client_has_sent(people, owner):
    """Regression: a small request could copy many bytes, which no quota counted."""
    project, elsewhere = owner.project(), owner.project()
    task = owner.task(projectId=project["id"], description="x" * 30000)
    assert at_once(4, lambda n: owner.post(task, "/duplicate")) == [201, 201, 409, 409]
    short = owner.task(projectId=elsewhere["id"])
    for n in range(3):
        owner.attach(short, b"x" * 150000, f"{n}").expect(201)
    owner.post(short, "/duplicate").expect(201)
    owner.post(short, "/duplicate").expect(413, "too-large")
    owner.patch(owner.items(f"/v1/tasks/{short['id']}/attachments")[0], name="still there").expect(200)
    tasks = [owner.task(projectId=elsewhere["id"]) for _ in range(3)]
    assert at_once(3, lambda n: owner.post(tasks[0], "/duplicate")) == [201, 409, 409]


def test_notifications_of_comments_and_statuses_by_one_user_are_limited(small, people, owner):
    """Otherwise comments that many watch could keep taskwire-jobs from sending emails."""
    project, watchers = owner.project(), [people.user("watcher") for _ in range(2)]
    for each in watchers:
        owner.share(project, each)
    task = owner.task(projectId=project["id"], assigneeIds=[each.id for each in watchers])
    for n in range(3):
        owner.post(task, "/comments", text=f"Comment {n}").expect(201)
    watchers[0].post(task, "/comments", text="Of another author").expect(201)
    jobs = MongoClient(small.mongodb_uri)[small.mongodb_database].jobs
    eventually(lambda: jobs.count_documents({"kind": "commented"}) == 0, within=15.0, what="the end of the jobs")
    senders = [n["createdBy"] for each in (owner, *watchers) for n in each.items("/v1/notifications") if n["kind"] == "commented"]
    assert sorted(senders) == sorted([owner.id] * 3 + [watchers[0].id] * 2)
    owner.patch(task, status="completed").expect(200)  # counts with the comments
    eventually(lambda: jobs.count_documents({"kind": "statusChanged"}) == 0, within=15.0, what="the end of the job")
    assert not any(n["kind"] == "statusChanged" for each in watchers for n in each.items("/v1/notifications"))


def test_a_users_subscriptions_are_limited(people, owner):
    tasks = [owner.task() for _ in range(3)]
    owner.put(tasks[0], "/subscription", state="muted").expect(200)
    assert at_once(2, lambda n: owner.put(tasks[n + 1], "/subscription", state="muted")) == [200, 409]
    owner.put(tasks[0], "/subscription", state="watching").expect(200)
    owner.delete(tasks[0], "/subscription").expect(204)
    assert at_once(2, lambda n: owner.put(tasks[n + 1], "/subscription", state="watching")) == [200, 200]


def test_files_are_limited_in_size_and_number(small, owner):
    """A byte too long is refused by the API, which says how much it may be; much longer bodies by nginx."""
    task = owner.task()
    owner.attach(task, b"x" * 200_000).expect(201)
    for size in (200_001, 200_002, 300_000):
        assert "200" in owner.attach(task, b"x" * size).expect(413, "too-large")["detail"]
    owner.attach(task, b"").expect(201)
    third = owner.attach(task, b"3").expect(201)
    owner.attach(task, b"4").expect(409, "quota-exceeded")
    owner.delete(third).expect(204)
    owner.attach(task, b"4").expect(201)
    assert len(owner.items(f"/v1/tasks/{task['id']}/attachments")) == 3


def test_concurrent_uploads_cannot_exceed_a_projects_bytes(small, people, owner):
    """Five of 200,000 bytes fit; whether they are equal does not matter.  Deleted files make room, moved ones take it."""
    with small.api_with(PROJECT_TASKS="100", API_THREADS="32"):
        project = owner.project()
        tasks = [owner.task(projectId=project["id"]) for _ in range(8)]
        # No user may have more than a few uploads at once, so there are two.
        other = people.user("other")
        owner.share(project, other)
        statuses = at_once(8, lambda n: (owner, other)[n % 2].attach(tasks[n], bytes([n % 3]) * 200_000))
        assert statuses == [201] * 5 + [413] * 3, statuses
        owner.attach(tasks[0], b"x").expect(413, "too-large")
        files = [f for task in tasks for f in owner.items(f"/v1/tasks/{task['id']}/attachments")]
        owner.delete(files[0]).expect(204)
        elsewhere = owner.task()
        moving = owner.attach(elsewhere, b"y" * 200_000).expect(201)
        owner.attach(tasks[0], b"x").expect(201)
        owner.post(elsewhere, "/move", projectId=project["id"]).expect(413, "too-large")
        assert owner.get(elsewhere)["projectId"] != project["id"] and owner.content(moving).status == 200
        owner.delete(files[1]).expect(204)
        owner.post(elsewhere, "/move", projectId=project["id"]).expect(200)
        with MongoClient(small.mongodb_uri) as mongo:
            db = mongo[small.mongodb_database]
            kept = [a["size"] for a in db.attachments.find({"deletedAt": None}) if str(a["projectId"]) == project["id"]]
            assert sum(kept) == 800_001 == db.topics.find_one({"_id": f"project:{project['id']}"})["files"]


def test_a_users_bytes_per_day_are_limited(small, people):
    """In all projects together; small requests are counted by chance, in due proportion."""
    with small.api_with(USER_BYTES="524288", PROJECT_WRITTEN_BYTES="100000000", PROJECT_TASKS="1000000", API_PROCESSES="1"):
        anna, ben = people.user("anna"), people.user("ben")

        def write(user, size):
            """Bytes that go through in tasks of that size, alternating between two projects, until one is refused."""
            projects, sent = [user.project(), user.project()], 0
            while sent < 4_000_000:
                reply = user.post("/v1/tasks", title="T", description="x" * size, projectId=projects[sent // size % 2]["id"])
                if reply.expect((201, 429)).status == 429:
                    return reply, sent
                sent += size
            raise AssertionError("nothing was refused")

        refused, sent = write(anna, 49000)
        assert 200_000 < sent < 1_500_000 and refused.slug == "throttled"
        assert refused.headers["ratelimit-policy"] == '"user-bytes";q=524288;w=86400'
        anna.post("/v1/tasks", title="Small").expect(429, "throttled")
        anna.post("/v1/me/password", currentPassword=PASSWORD, newPassword="an altogether new one").expect(204)
        anna.get("/v1/tasks").expect(200)
        _, sent = write(ben, 12000)
        assert 100_000 < sent < 2_000_000


def test_a_users_api_tokens_are_limited(people, owner):
    for n in range(100):
        owner.post("/v1/api-tokens", name=f"Token {n}", scopes=["read"]).expect(201)
    owner.post("/v1/api-tokens", name="One more", scopes=["read"]).expect(409, "conflict")


def test_only_a_users_newest_notifications_are_kept(people, owner, small):
    """Assigning is never refused: the oldest notifications are removed."""
    ben, project = people.user("ben"), owner.project()
    owner.share(project, ben)
    task = owner.task(projectId=project["id"])
    for _ in range(80):
        owner.patch(task, assigneeIds=[ben.id]).expect(200)
        owner.patch(task, assigneeIds=[]).expect(200)
    with MongoClient(small.mongodb_uri) as mongo:
        kept = sum(1 for doc in mongo[small.mongodb_database].notifications.find() if str(doc["userId"]) == ben.id)
    assert 20 <= kept < 80


# -- what is sent and tried ----------------------------------------------------------------------
def change_phone(user, phone):
    return user.patch("/v1/me", phone=phone, password=PASSWORD)


def test_text_messages_to_one_number_are_limited_across_users(people, outbox):
    """Regression: 100 text messages to one number were possible by deleting and recreating what counted them."""
    victim = fresh_account()["phone"]
    statuses = []
    for _ in range(3):
        user = people.user()
        for _ in range(3):
            statuses.append(change_phone(user, victim).status)
            change_phone(user, user.phone)
    assert statuses.count(200) == 3 and statuses.count(429) == 6
    eventually(lambda: len(outbox.texts(victim)) == 3, what="three texts")


def test_text_messages_of_one_user_are_limited_across_numbers(people):
    user = people.user()
    statuses = [change_phone(user, fresh_account()["phone"]).status for _ in range(8)]
    assert statuses[:4] == [200] * 4 and set(statuses[4:]) == {429}


def test_emails_to_one_address_are_limited_across_users(people, outbox):
    victim = fresh_account()["email"]
    statuses = []
    for _ in range(3):
        user = people.user()
        for _ in range(3):
            statuses.append(user.patch("/v1/me", email=victim, password=PASSWORD).status)
    assert statuses.count(200) == 6 and statuses.count(429) == 3
    eventually(lambda: len(outbox.emails(victim)) == 6, what="six emails")


def test_strangers_cannot_suppress_the_warnings_of_an_account(people, outbox):
    """Regression: by first causing many emails to an address, a thief could move the account to another one without a warning."""
    anna, new = people.user("anna").confirm(outbox), fresh_account()["email"]
    anna.patch("/v1/me", email=new, password=PASSWORD).expect(200)
    code = outbox.email(new, "new address").code
    statuses = []
    for _ in range(3):
        stranger = people.user()
        statuses += [stranger.patch("/v1/me", email=anna.email, password=PASSWORD).status for _ in range(3)]
    assert statuses[-1] == 429  # no more of those emails
    people.anonymous().send("POST", "/v1/sessions", {"login": anna.email, "password": PASSWORD},
                            headers={"User-Agent": "a thief"}).expect(201)
    anna.put("/v1/verifications", code=code).expect(204)
    outbox.email(anna.email, "new device")
    outbox.email(anna.email, "The address of your Taskwire account was changed")


def test_a_notice_over_the_limit_is_dropped_without_an_error(people, outbox):
    user = people.user()
    for n in range(10):
        people.anonymous().send("POST", "/v1/sessions", {"login": user.email, "password": PASSWORD},
                                headers={"User-Agent": f"browser {n}"}).expect(201)
    eventually(lambda: len(outbox.emails(user.email, "new device")) == 6, what="the emails within the limit")


def test_guesses_at_codes_are_counted_even_after_deletions(people, outbox):
    """Regression: 150 guesses were possible by requesting new codes and by switching the number back and forth."""
    user, statuses = people.user(), []
    for n in range(4):
        for _ in range(5):
            statuses.append(user.put("/v1/verifications", code="000000").status)
        user.patch("/v1/me", email=fresh_account()["email"], password=PASSWORD)
    assert set(statuses[:12]) == {401} and set(statuses[12:]) == {429}


def test_the_first_concurrent_guesses_of_a_day_are_counted_exactly(people):
    """Regression: the loser of a race for the day's count got 503 or had to wait a day."""
    for _ in range(3):
        user = people.user()
        assert at_once(8, lambda n, user=user: user.put("/v1/verifications", code="000000")) == [401] * 8


# -- whose attempts count ------------------------------------------------------------------------
def log_in(people, login, password="not it at all", cookie=None):
    headers = {"Cookie": cookie} if cookie else {}
    return people.anonymous().send("POST", "/v1/sessions", {"login": login, "password": password}, headers=headers)


def lock(people, user):
    """Sends wrong passwords, by address and by number, until the account is throttled."""
    for n in range(40):
        if log_in(people, (user.email, user.phone)[n % 2]).status == 429:
            return n
    raise AssertionError("it never had to wait")


def assert_locked(people, user, login=None, between=lambda: None, cookie=None):
    """The right password must wait.  On a slow host the wait may already be over; the next one is twice as long."""
    for _ in range(6):
        lock(people, user)
        between()
        if log_in(people, login or user.email, PASSWORD, cookie).status == 429:
            return
    raise AssertionError("the right password never had to wait")


def test_attempts_by_address_and_by_number_count_together(people):
    user = people.user()
    assert lock(people, user) <= 12
    assert_locked(people, user)
    assert_locked(people, user, user.phone)


def test_failed_logins_elsewhere_do_not_lock_out_a_known_device(people):
    user = people.user()
    reply = log_in(people, user.email, PASSWORD).expect(201)
    cookie = reply.headers["set-cookie"].split(";")[0]
    assert "HttpOnly" in reply.headers["set-cookie"] and "SameSite=Strict" in reply.headers["set-cookie"]
    assert_locked(people, user, between=lambda: log_in(people, user.email, PASSWORD, cookie).expect(201))
    user.post("/v1/me/password", currentPassword="not it", newPassword="an altogether new one").expect(422)
    assert_locked(people, people.user(), cookie=cookie)  # it is known to its own account alone
    name, value = cookie.split("=")
    assert_locked(people, user, cookie=f"{name}={secrets.token_urlsafe(16)}.{value.split('.')[1]}")


def test_a_known_device_has_no_extra_attempts(people):
    user = people.user()
    cookie = log_in(people, user.email, PASSWORD).expect(201).headers["set-cookie"].split(";")[0]
    statuses = [log_in(people, user.email, cookie=cookie).status for _ in range(20)]
    assert statuses.index(429) <= 12


def test_rate_limit_headers_follow_the_draft(people):
    """RateLimit and RateLimit-Policy as structured fields, and the older headers."""
    user = people.user()
    reply = log_in(people, user.email, PASSWORD).expect(201)
    assert reply.headers["ratelimit-policy"] == '"address";q=1000000;w=60'
    left, seconds = reply.headers["ratelimit"].removeprefix('"address";r=').split(";t=")
    assert 0 < int(left) < 1000000 and 0 < int(seconds) <= 60
    lock(people, user)
    reply = log_in(people, user.email, PASSWORD).expect(429)
    assert reply.headers["ratelimit-policy"].endswith(', "account";q=10;w=3600')
    assert reply.headers["ratelimit"].endswith(f', "account";r=0;t={reply.headers["retry-after"]}')


def ask_from(people, source, email):
    """Requests a password reset from another address of this host."""
    parts = urllib.parse.urlsplit(people.url)
    conn = http.client.HTTPConnection(parts.hostname, parts.port, timeout=15, source_address=(source, 0))
    conn.request("POST", "/v1/password-resets", json.dumps({"email": email}), {"Content-Type": "application/json"})
    status = conn.getresponse().status
    conn.close()
    return status


def test_password_resets_are_limited_per_network(people, outbox):
    """For all accounts together; requests from other networks still get an email."""
    anna = people.user("anna")
    statuses = [ask_from(people, "127.0.0.7", email) for email in [anna.email] * 4 + ["nobody@example.com"] * 5 + [anna.email]]
    assert statuses == [202] * 8 + [429] * 2
    outbox.email(anna.email, "Choose a new password", count=4)
    assert ask_from(people, "127.0.0.8", anna.email) == 202
    outbox.email(anna.email, "Choose a new password", count=5)


def test_emails_caused_by_strangers_do_not_block_the_owners_password_reset(people, outbox):
    """Regression: someone who made other accounts send to an address blocked its owner's password resets for an hour."""
    anna = people.user("anna")
    statuses = []
    for _ in range(3):
        user = people.user()
        statuses += [user.patch("/v1/me", email=anna.email, password=PASSWORD).status for _ in range(3)]
    assert statuses[-1] == 429  # no more of those emails
    people.anonymous().post("/v1/password-resets", email=anna.email).expect(202)
    mail = outbox.email(anna.email, "Choose a new password")
    people.anonymous().put("/v1/password-resets", token=mail.token, password="an altogether new one").expect(204)
    outbox.email(anna.email, "password was changed")


def test_emails_caused_by_strangers_do_not_block_registration(people, outbox):
    """Regression: for an hour nobody could register with an address, or confirm it, to which strangers had caused emails."""
    account = fresh_account("anna")
    for _ in range(3):
        stranger = people.user()
        statuses = [stranger.patch("/v1/me", email=account["email"], password=PASSWORD).status for _ in range(3)]
    assert statuses[-1] == 429  # no more of those letters
    anna = people.anonymous()
    anna.take(anna.post("/v1/users", **account).expect(201))
    outbox.email(account["email"], "Confirm your address")
    anna.post("/v1/verifications", purpose="email").expect(202)
    anna.put("/v1/verifications", code=outbox.email(account["email"], "Confirm your address", count=2).code).expect(204)


def test_text_messages_of_the_installation_are_limited():
    """Counted in sixteen parts: never more than the limit, possibly slightly fewer."""
    with Stack(settings={**SETTINGS, "TEXTS": "16", "USER_CODES": "100"}) as stack:
        world = World(stack.url, stack.ws_url)
        statuses = []
        for _ in range(5):
            user = world.user()
            statuses += [change_phone(user, fresh_account()["phone"]).status for _ in range(10)]
        assert 4 <= statuses.count(200) <= 16 and statuses.count(429) == 50 - statuses.count(200)
