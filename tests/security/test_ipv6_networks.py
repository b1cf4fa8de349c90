"""nginx's limits count one IPv6 network as one address: our own map, in an nginx that trusts the test's addresses."""
import http.client
import pathlib
import re
import socket
import subprocess

import pytest
from client import eventually

TEMPLATE = pathlib.Path(__file__).resolve().parents[2] / "nginx" / "nginx.conf.in"
CONFIG = """
daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1; events {{}}
http {{
    access_log off; client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
    uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
    {map}
    limit_req_zone $limit_key zone=requests:1m rate=1r/m;
    limit_req_status 429;
    server {{
        listen unix:{folder}/sock; set_real_ip_from unix:; real_ip_header X-Forwarded-For;
        location / {{ limit_req zone=requests; empty_gif; }}
    }}
}}
"""


class Unix(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


@pytest.fixture(scope="module")
def front(tmp_path_factory):
    folder = tmp_path_factory.mktemp("n")
    text = TEMPLATE.read_text()
    key = re.search(r"map \$binary_remote_addr \$limit_key \{.*?\n    \}", text, re.S).group(0)
    keys = re.findall(r"limit_\w+_zone +(\S+) zone=(\w+)", text)
    assert [zone for key, zone in keys if key != "$limit_key"] == ["all_reports", "all_uploads"] and len(keys) > 2
    (folder / "nginx.conf").write_text(CONFIG.format(folder=folder, map=key))
    nginx = subprocess.Popen(["nginx", "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")])
    eventually((folder / "sock").exists, what="nginx")
    yield str(folder / "sock")
    nginx.terminate()
    nginx.wait(10)


def status(front, address):
    connection = Unix(front)
    connection.request("GET", "/", headers={"X-Forwarded-For": address})
    return connection.getresponse().status


@pytest.mark.parametrize("first, second, same", [
    ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", True),
    ("2001:db8:1:3::1", "2001:db8:1:4::1", False),
    ("2001:db8:a0a:a::1", "2001:db8:a0a:a::2", True),  # bytes that are line ends
    ("::1:0:0:1", "::1:0:0:0", True),
    ("203.0.113.1", "203.0.113.2", False),
    ("203.0.113.7", "203.0.113.7", True),
    ("::ffff:203.0.113.11", "::ffff:203.0.113.12", False),
])
def test_nginx_counts_each_ipv6_network_as_one_address(front, first, second, same):
    assert (status(front, first), status(front, second)) == (200, 429 if same else 200)
