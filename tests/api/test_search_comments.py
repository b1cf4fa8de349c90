"""?q= finds words in comments too: in every script, and only as long as the comment says so."""
from bson import ObjectId
from client import SETTINGS, World
from pymongo import MongoClient
from stack import Stack


def found(user, q, **query):
    return [t["id"] for t in user.pages("/v1/tasks", q=q, **query)]


TEXTS = [("Please call the Plumber", "plumb"), ("Straße gefegt", "STRASSE gef"), ("準備搬家了", "搬家"), ("ย้ายบ้าน", "บ้าน"),
         ("カタカナのコメント", "コメン"), ("서울에서 만나요", "만나"), ("café déjà", "cafe dej"), ("done 🎉", "🎉")]


def test_words_of_comments_are_found_in_every_script(anna):
    task, other = anna.task("Nothing special"), anna.task("Other")
    for text, q in TEXTS:
        assert found(anna, q) == [], q
        anna.post(task, "/comments", text=text).expect(201)
        assert found(anna, q) == [task["id"]], q
    assert found(anna, "nothing") == [task["id"]] and found(anna, "other") == [other["id"]]
    assert found(anna, "lumber") == [] and found(anna, "call the plum special") == []
    anna.post(other, "/comments", text="A plumber, and again a plumber").expect(201)
    for sort in ("position", "-createdAt", "dueAt"):
        assert set(found(anna, "plumber", sort=sort, limit=1)) == {task["id"], other["id"]}, sort


def test_what_a_comment_no_longer_says_is_not_found(anna, ben):
    project, elsewhere = anna.project("Here"), anna.project("Elsewhere")
    anna.share(project, ben)
    task = anna.task("Plain", projectId=project["id"])
    comment = anna.post(task, "/comments", text="An aardvark").expect(201)
    assert found(ben, "aardvark") == found(anna, "aardvark", projectId=project["id"]) == [task["id"]]
    anna.patch(comment, text="A zebra").expect(200)
    assert found(ben, "aardvark") == [] and found(ben, "zebra") == [task["id"]]
    anna.post(task, "/move", projectId=elsewhere["id"]).expect(200)
    assert found(ben, "zebra") == [] and found(anna, "zebra", projectId=elsewhere["id"]) == [task["id"]]
    assert found(anna, "zebra", projectId=project["id"]) == []
    assert found(anna, "zebra", filter="title = plain") == [task["id"]] and found(anna, "zebra", status="completed") == []
    anna.delete(task).expect(204)
    assert found(anna, "zebra") == [] and found(anna, "zebra", deleted="true") == [task["id"]]
    anna.post(task, "/restore").expect(200)
    anna.delete(comment).expect(204)
    assert found(anna, "zebra") == []


def test_no_match_is_lost_when_there_are_many():
    """More tasks than are named by their ids.  On a database of its own: for a later page of a search the test database reads
    every task that there is."""
    with Stack(settings=SETTINGS) as stack:
        anna = World(stack.url, stack.ws_url).user("anna")
        model, told = anna.task("Common word"), anna.task("Told")
        anna.post(told, "/comments", text="This is common as well").expect(201)
        with MongoClient(stack.mongodb_uri) as mongo:
            tasks = mongo[stack.mongodb_database].tasks
            one = tasks.find_one({"_id": ObjectId(model["id"])})
            tasks.insert_many([dict(one, _id=ObjectId(), position=f"w{n:05d}", number=n + 3) for n in range(501)])
        for query in ({"sort": "-createdAt"}, {"filter": "done = false"}):
            got = found(anna, "commo", limit=200, **query)
            assert len(got) == len(set(got)) == 503 and told["id"] in got, query
        assert found(anna, "commo", filter="title = told") == [told["id"]]


def test_the_best_matches_come_first(anna):
    """By the words of the title, then by the last change; one page without a cursor."""
    texts = [("Buy paint", "for the red house"), ("Red", "house, and more"), ("Red house", ""), ("The red house by the sea", ""), ("Nothing", "")]
    tasks = [anna.task(title, description=text)["id"] for title, text in texts]
    anna.post(f"/v1/tasks/{tasks[4]}/comments", text="A red house").expect(201)
    page = anna.get("/v1/tasks", q="red house", sort="rank").expect(200)
    assert [t["id"] for t in page["items"]] == [tasks[n] for n in (2, 3, 1, 4, 0)] and page["nextCursor"] is None
    page = anna.get("/v1/tasks", q="red house", sort="rank", limit=2).expect(200)
    assert [t["id"] for t in page["items"]] == [tasks[2], tasks[3]] and page["nextCursor"] is None
    got = anna.items("/v1/tasks", q="red house", sort="rank", filter="not title = red")
    assert [t["id"] for t in got] == [tasks[n] for n in (2, 3, 4, 0)]
    assert anna.get("/v1/tasks", q="red", sort="rank", cursor="x").expect(400)["parameter"] == "cursor"
    assert anna.get("/v1/tasks", q="red", sort="-rank").expect(400)["parameter"] == "sort"
