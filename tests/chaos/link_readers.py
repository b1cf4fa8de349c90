"""Readers of share links: each link is opened, followed for a while and deleted; after that its reader sees nothing more."""
import time

from client import User
from live import Closed, Nothing, Refused
from participants import BROKEN, PATIENCE, Asking, Lines, Witness

REFUSED = 30  # seconds after which a deleted link's reader has surely been refused, with push killed now and then


class LinkReader(Asking):
    """The owner makes and deletes one link after another; a socket with the link's token follows the project meanwhile."""

    def __init__(self, number, owner, project, folder, seed, progress):
        super().__init__(f"reader-{number}", owner, seed, progress)
        self.path, self.topic = f"/v1/projects/{project}/links", "project:" + project
        self.world, self.lines = owner.user.world, Lines(folder / f"reader-{number}.jsonl")

    def run(self):
        try:
            while not self.progress.stop.is_set():
                self.one_link()
        except Exception as error:  # noqa: BLE001 - shown by the run
            self.progress.failures.append(f"{self.called}: {error!r}")
        finally:
            self.lines.close()

    def one_link(self):
        link = self.ask("POST", self.path, {})
        token = link and self.open(link["token"])
        if not token:
            return
        seen, until = [], time.monotonic() + self.dice.uniform(1, 5)
        while time.monotonic() < until:
            self.follow(token, seen, until)
        if self.ask("DELETE", f"{self.path}/{link['id']}", good=(204,)) is None:
            return
        deleted, ended = time.monotonic(), False
        while not ended and time.monotonic() < deleted + REFUSED:
            ended = self.follow(token, seen, time.monotonic() + 1)
        self.lines.add({"link": link["id"], "topic": self.topic, "seen": seen, "ended": ended})

    def open(self, secret):
        """The access token of a reader."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                reply = User(self.world).post("/v1/links/sessions", token=secret)
                if reply.status == 201:
                    return reply["accessToken"]
                assert reply.status >= 429, f"a new link is refused: {reply}"
            except BROKEN:
                pass
            time.sleep(0.05)
        self.progress.failures.append(f"{self.called}: a link could not be opened in {PATIENCE} s")
        return None

    def follow(self, token, seen, until):
        """Adds the numbers of the events that come; true: the server has refused the token or ended the stream."""
        try:
            with Witness(self.world.ws_url, origin=self.world.origin) as feed:
                feed.send(op="hello", token=token)
                feed.send(op="follow", topic=self.topic)
                while time.monotonic() < until:
                    try:
                        message = feed.receive(0.3)
                    except Nothing:
                        continue
                    if message["op"] == "event":
                        seen.append(message["seq"])
                    elif message["op"] in ("left", "resync"):
                        return message["op"] == "left"
        except Closed as closed:
            return closed.code == 4401
        except (OSError, Refused):
            time.sleep(0.05)
        return False
