"""The table of programs in one installation: each one's command, settings and readiness check."""

import ipaddress
import os
import re
import resource
import signal
import socket
import subprocess

from database import find
from keeper import Program
from places import Refused, free_port

# nginx's limits per address, by LIMITS.  Tests on loopback come from one address.
LIMITS = {
    "development": {"RATE": 100000, "BURST": 100000, "LOGIN_RATE": 100000, "LOGIN_BURST": 100000,
                    "SOCKETS_PER_ADDRESS": 60000, "REQUESTS_PER_ADDRESS": 60000,
                    "UPLOADS_PER_ADDRESS": 1000, "UPLOADS": 1000},
    "production": {"RATE": 200, "BURST": 400, "LOGIN_RATE": 2, "LOGIN_BURST": 20,
                   "SOCKETS_PER_ADDRESS": 200, "REQUESTS_PER_ADDRESS": 200,
                   "UPLOADS_PER_ADDRESS": 8, "UPLOADS": 400},
}
# The same for the API's own settings; the environment overrides them.
API_LIMITS = {"development": {"ADDRESS_LOGINS": "1000000"}, "production": {}}
REDIS_CONF = """port 0
unixsocket "{socket}"
unixsocketperm 700
dir "{folder}"
save ""
appendonly no
maxmemory 256mb
maxmemory-policy volatile-ttl
"""


class Programs:
    def __init__(self, options, places, database, ports):
        self.options, self.places, self.database, self.ports = options, places, database, ports
        self.base = f"http://127.0.0.1:{options.port}"
        self.redis_url = os.environ.get("REDIS_URL") or "unix://" + places.socket("redis")
        self.open_files = raise_open_files()

    def settings(self):
        """The settings of all our programs; the caller's environment overrides some of them."""
        localhost = f"http://localhost:{self.options.port}"
        public = os.environ.get("PUBLIC_URL", self.base)
        return {
            **self.database.programs_settings(),
            "REDIS_URL": self.redis_url,
            "PUBLIC_URL": public,
            "MAIL_OUTBOX": os.environ.get("MAIL_OUTBOX") or self.places.path("outbox"),
            "ALLOWED_ORIGINS": os.environ.get("ALLOWED_ORIGINS") or
            ",".join(dict.fromkeys([public, self.base, localhost])),
            **{k: os.environ.get(k, v) for k, v in
               API_LIMITS.get(os.environ.get("LIMITS", "development"), {}).items()},
            **({} if "SIGNING_KEYS" in os.environ else
               {"SIGNING_KEYS_FILE": os.environ.get("SIGNING_KEYS_FILE") or
                self.places.path("keys", "signing.keys")}),
        }

    def built(self, name):
        path = os.path.join(self.options.build, name)
        if not os.access(path, os.X_OK):
            raise Refused(f"There is no program {name} in {self.options.build}.")
        return path

    def mongodb(self):
        return Program("mongodb", self.database.argv, self.places,
                       cwd=self.places.path("db"), is_up=self.database.is_up)

    def proxy(self):
        port, report = self.database.proxy_port, self.places.path("log", "proxy.report")
        path = self.places.socket("proxy")
        argv = [self.database.proxy, str(port), str(self.database.port), report, path]
        program = Program("proxy", argv, self.places, is_up=lambda: os.path.exists(path))
        program.socket = path
        return program

    def redis(self):
        path, folder = self.places.socket("redis"), self.places.path("redis")
        with open(os.path.join(folder, "redis.conf"), "w") as f:
            f.write(REDIS_CONF.format(socket=path, folder=folder))
        return Program("redis", [find("redis-server"), os.path.join(folder, "redis.conf")],
                       self.places, cwd=folder, is_up=lambda: answers(path))

    def own(self, kind, number):
        """taskwire-api, -push or -jobs; programs of one kind differ in socket, metrics port (push) and session file."""
        name, upper = f"{kind}-{number}", kind.upper()
        path = self.places.socket(name)
        env = {**os.environ, **self.settings(), f"{upper}_SOCKET": path,
               "JOBS_SESSIONS": self.places.path("run", f"{name}.sessions")}
        program = Program(name, [self.built(f"taskwire-{kind}")], self.places, env=env,
                          cwd=self.places.data)
        # taskwire-jobs does not listen, and only taskwire-push has metrics.
        if kind != "jobs":
            program.is_up = lambda: os.path.exists(path)
            program.socket = path
        if kind == "push":
            program.metrics = env["PUSH_METRICS"] = f"127.0.0.1:{free_port(self.ports)}"
        return program

    def nginx(self):
        folder = self.places.path("nginx")
        write_nginx(self.options.nginx, folder, self.nginx_values())
        with open(os.path.join(folder, "asyncapi.json"), "w") as f:
            subprocess.run([self.built("taskwire-push"), "--asyncapi"], stdout=f, check=True)
        argv = [find("nginx"), "-e", self.places.log("nginx"), "-p", folder,
                "-c", os.path.join(folder, "nginx.conf"), "-g", "daemon off;"]
        return Program("nginx", argv, self.places, cwd=folder,
                       stop_signal=signal.SIGQUIT)

    def nginx_values(self):
        limits = os.environ.get("LIMITS", "development")
        if limits not in LIMITS:
            raise Refused(f"LIMITS is {limits}; it must be one of: {', '.join(LIMITS)}.")

        def servers(kind, count):
            paths = (self.places.socket(f"{kind}-{n}") for n in range(1, count + 1))
            return "\n".join(f'        server "unix:{path}" max_fails=0;' for path in paths)
        return {
            **LIMITS[limits],
            "TRUSTED_PROXIES": trusted_proxies(os.environ.get("TRUSTED_PROXIES", "")),
            # By default root's nginx runs its workers as another user, who cannot reach the sockets in
            # a folder that only its owner can enter.  For development on loopback they stay root.
            "USER": "user root;" if os.geteuid() == 0 else "",
            "OPEN_FILES": self.open_files,
            "CONNECTIONS": min(16384, self.open_files // 2),
            "DATA": self.places.data,
            # What is one byte too long still reaches the API, which says by how much.
            "UPLOAD_BYTES": int(setting(self.options.nginx, "ATTACHMENT_BYTES")) + 1,
            "WEB": os.path.join(self.options.nginx, "web"),
            "PORT": self.options.port,
            "SOCKET_ORIGINS": " ".join(f"ws://{h}:{self.options.port}"
                                       for h in ("127.0.0.1", "localhost")),
            "API_SERVERS": servers("api", self.options.api),
            "PUSH_SERVERS": servers("push", self.options.push),
        }


def setting(nginx, name):
    """The value of a setting of the programs: from the environment, else the default that deploy/settings.env shows."""
    with open(os.path.join(os.path.dirname(nginx), "deploy", "settings.env")) as f:
        defaults = dict(line.strip().split("=", 1) for line in f if re.match("[A-Z_]+=", line))
    return os.environ.get(name) or defaults[name]


def trusted_proxies(text):
    """nginx's lines for the comma-separated addresses and networks whose X-Forwarded-For is believed."""
    try:
        networks = [ipaddress.ip_network(a.strip(), strict=False) for a in text.split(",") if a.strip()]
    except ValueError as error:
        raise Refused(f"TRUSTED_PROXIES: {error}.") from error
    if not networks:
        return "    # none"
    lines = [f"set_real_ip_from {n};" for n in networks] + ["real_ip_header X-Forwarded-For;", "real_ip_recursive on;"]
    return "\n".join("    " + line for line in lines)


def write_nginx(source, folder, values):
    """Fills in the @NAMES@ of every nginx/*.conf and *.conf.in."""
    for file in sorted(os.listdir(source)):
        if not file.endswith((".conf", ".conf.in")):
            continue
        with open(os.path.join(source, file)) as f:
            text = f.read()
        for name, value in values.items():
            text = text.replace(f"@{name}@", str(value))
        with open(os.path.join(folder, file.removesuffix(".in")), "w") as f:
            f.write(text)


def answers(path):
    try:
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(path)
            return True
    except OSError:
        return False


def raise_open_files(wanted=65536):
    """Raises the limit of open files: each browser's socket takes two in nginx and one in push."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft == resource.RLIM_INFINITY or soft >= limit:
        return limit
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return limit
