"""Emails and text messages sent by Taskwire: read from its outbox, or received by our own SMTP relay."""
import asyncio
import email
import email.policy
import pathlib
import re
import ssl
import subprocess

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from client import eventually

TOKEN = re.compile(r"(?:token=|#/i/)([A-Za-z0-9_-]+)")
CODE = re.compile(r"\b(\d{6})\b")


class Email:
    """One email: its decoded headers and both its bodies."""

    def __init__(self, raw):
        self.message = email.message_from_bytes(raw, policy=email.policy.default)
        self.to, self.subject = self.message["to"].addresses[0].addr_spec, self.message["subject"]
        self.id = self.message["message-id"]
        self.text = self.message.get_body(("plain",)).get_content()
        self.html = self.message.get_body(("html",)).get_content()

    @property
    def token(self):
        return TOKEN.search(self.text).group(1)

    @property
    def code(self):
        return CODE.search(self.text).group(1)


class Outbox:
    """The folder to which emails are written without a relay."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)

    def in_order(self, pattern):
        """Oldest first, by time: ids in the names of two processes are not in order within a second."""
        return sorted(self.folder.glob(pattern), key=lambda path: path.stat().st_mtime_ns)

    def emails(self, to, subject=""):
        found = [Email(p.read_bytes()) for p in self.in_order("*.eml")
                 if to.encode() in p.read_bytes()]
        return [mail for mail in found if mail.to == to and subject in mail.subject]

    def email(self, to, subject="", count=1):
        """The newest of exactly `count` emails to an address with this text in the subject."""
        eventually(lambda: len(self.emails(to, subject)) >= count, what=f"email {count} `{subject}` to {to}")
        found = self.emails(to, subject)
        assert len(found) == count, [mail.subject for mail in found]
        return found[-1]

    def texts(self, phone):
        return [t for t in (p.read_text() for p in self.in_order("*.txt")) if f"To: {phone}\n" in t]

    def text_code(self, phone, count=1):
        """The code in the newest of `count` text messages to a number."""
        eventually(lambda: len(self.texts(phone)) >= count, what=f"text message {count} to {phone}")
        return CODE.search(self.texts(phone)[-1].split("\n", 1)[1]).group(1)


class Relay:
    """A real SMTP server with STARTTLS and a password.  `mood` is how it treats the next emails:
    well, later (4xx), never (5xx), slow, drop (disconnects during the email) or lost (accepts the
    email, but disconnects before it confirms that)."""

    def __init__(self, folder, port):
        self.port, self.emails, self.mood, self.tried = port, [], "well", 0
        self.key, self.certificate = folder / "relay.key", folder / "relay.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                        "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
                        "subjectAltName=DNS:localhost", "-keyout", self.key, "-out", self.certificate],
                       check=True, capture_output=True)
        self.controller = None

    def settings(self):
        return {"SMTP_URL": f"smtp://localhost:{self.port}", "SMTP_USER": "taskwire",
                "SMTP_PASSWORD": "relay password", "SMTP_CA": str(self.certificate)}

    def start(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        self.controller = Controller(self, hostname="127.0.0.1", port=self.port, tls_context=context,
                                     require_starttls=True, authenticator=self.authenticate,
                                     auth_required=True)
        self.controller.start()
        return self

    def stop(self):
        if self.controller:
            self.controller.stop()
        self.controller = None

    @staticmethod
    def authenticate(server, session, envelope, mechanism, data):
        right = (data.login, data.password) == (b"taskwire", b"relay password")
        return AuthResult(success=right, handled=True)

    async def handle_RCPT(self, server, session, envelope, address, options):
        self.tried += 1
        if self.mood == "later":
            return "451 4.3.0 come back"
        if self.mood == "never":
            return "550 5.1.1 nobody here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if self.mood == "slow":
            await asyncio.sleep(1.5)
        if self.mood == "drop":
            server.transport.abort()
            return "451 gone"
        self.emails.append(Email(envelope.original_content))
        if self.mood == "lost":
            server.transport.abort()
        return "250 OK"

    def wait(self, count, within=20.0):
        eventually(lambda: len(self.emails) >= count, within=within, what=f"email {count}")
        return self.emails
