#!/usr/bin/env python2
"""Autobahn's own WebSocket test suite against a running push: the long form of test_protocol.py.

    autobahn_suite.py URL ORIGIN [CASES]      ws://127.0.0.1:8080/v1/live http://127.0.0.1:8080 '1.*,2.*'

The suite is Python 2.7; a folder for it is made with
    python2.7 -m pip install --target DIR autobahntestsuite && PYTHONPATH=DIR python2.7 autobahn_suite.py ...
It wants its messages echoed, and push does not echo: what is no JSON gets one error frame.  So each answer of
push stands for the echo of the next message; the bytes themselves are compared by test_protocol.py.
"""
from __future__ import print_function

import json
import os
import sys
import tempfile

import pkg_resources  # noqa: F401 - makes zope a namespace before twisted asks for it
import autobahntestsuite.wstest  # noqa: F401 - picks the reactor
from autobahntestsuite import fuzzing
from autobahntestsuite.case import Case, Cases
from twisted.internet import reactor

ANSWERS = ("malformed", "bad-field", "binary")
# 7.1.6: a message over our limit.  9.*: over 64 KiB, or 1,000 messages at once.  12, 13: deflate, not offered.
# Of 9.*, 9.1.1 and 9.2.1 are just within the limit; 9.5.* and 9.6.* are 1 MiB in chops.
APPLICABLE = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "9.1.1", "9.2.1", "10.*"]


def take_answers_for_echoes():
    whole = Case.onMessage
    def on_message(self, message, binary):
        answer = json.loads(message)
        assert answer["op"] == "error" and answer["code"] in ANSWERS, message
        wanted = [w for w in self.expected.get(Case.OK, []) if w[0] == "message"]
        so_far = len([r for r in self.received if r[0] == "message"])
        if so_far < len(wanted):
            message, binary = wanted[so_far][1:]
        whole(self, message, binary)
    Case.onMessage = on_message
    for one in Cases:
        if "DATALEN" not in getattr(one, "init", on_message).__code__.co_names:
            continue
        # Those of 9.* look at the length alone.
        def on_echo(self, message, binary, own=one.onMessage):
            own(self, "*" * self.DATALEN, json.loads(message)["code"] == "binary")
        one.onMessage = on_echo


def main():
    url, origin = sys.argv[1:3]
    cases = sys.argv[3].split(",") if len(sys.argv) > 3 else APPLICABLE
    take_answers_for_echoes()
    results, factory = {}, fuzzing.FuzzingClientFactory
    factory.logCase = lambda self, result: results.update({result["id"]: result})
    factory.createReports = lambda self: None
    out = os.open(os.devnull, os.O_WRONLY)
    keep = os.dup(1)
    os.dup2(out, 1)
    fuzzing.FuzzingClientFactory({
        "servers": [{"agent": "push", "url": url, "origin": origin, "protocols": ["taskwire.v1"],
                     "options": {"version": 18}}],
        "cases": cases, "exclude-cases": [], "exclude-agent-cases": {}, "outdir": tempfile.mkdtemp()})
    reactor.run()
    sys.stdout.flush()
    os.dup2(keep, 1)
    counts = {}
    for case in sorted(results, key=lambda c: [int(n) for n in c.split(".")]):
        r = results[case]
        verdict = "%s, close %s" % (r["behavior"], r["behaviorClose"])
        counts[verdict] = counts.get(verdict, 0) + 1
        if verdict not in ("OK, close OK", "INFORMATIONAL, close INFORMATIONAL"):
            print("%-8s %s: %s; %s (got %s)" % (case, verdict, r["result"], r["resultClose"], r["remoteCloseCode"]))
    for verdict in sorted(counts):
        print("%4d %s" % (counts[verdict], verdict))


main()
