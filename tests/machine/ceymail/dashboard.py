#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Stands in for the dashboard of a CeyMail host: an HTTP server on 127.0.0.1:3000 behind the web server.

Its answers are the same each time, so that a test can compare them byte for byte. It reads its session secret from
/var/lib/ceymail-mc/.env.local at each request, and writes a line to the journal if a request has an Authorization header.
"""
import base64
import hashlib
import hmac
import http.server
import json
import sys
import time

ENVIRONMENT = "/var/lib/ceymail-mc/.env.local"
PAGE = b"<!doctype html><title>CeyMail</title><p>Sign in</p>\n"
SCRIPT = b"self.__next_f = [];\n" * 500


def session_secret():
    with open(ENVIRONMENT, encoding="ascii") as lines:
        for line in lines:
            if line.startswith("SESSION_SECRET="):
                return line.partition("=")[2].strip().encode()
    return None


def session_of(cookies):
    """The object in the cookie mc-session, if its signature and its expiry are right."""
    value = dict(pair.strip().partition("=")[::2] for pair in cookies.split(";")).get("mc-session", "")
    encoded, _, signature = value.rpartition(".")
    secret = session_secret()
    if not secret or not encoded:
        return None
    if not hmac.compare_digest(hmac.new(secret, encoded.encode(), hashlib.sha256).hexdigest(), signature):
        return None
    session = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    return session if session["exp"] > time.time() else None


class Dashboard(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65536  # one write for head and body: Apache's mod_deflate answers differently when they come apart
    server_version = "dashboard"
    sys_version = ""

    def answer(self, status, kind, body, headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def answer_json(self, status, content):
        self.answer(status, "application/json", json.dumps(content).encode())

    def switch_protocols(self):
        key = self.headers.get("Sec-WebSocket-Key", "") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        self.end_headers()
        self.close_connection = True

    def api(self, path):
        try:
            session = session_of(self.headers.get("Cookie", ""))
        except OSError as error:
            return self.answer_json(500, {"error": f"{ENVIRONMENT}: {error.strerror}"})
        except (ValueError, KeyError, TypeError):
            session = None
        if not session:
            return self.answer_json(401, {"error": "Unauthorized"})
        if path == "/api/auth/me":
            return self.answer_json(200, {"user": {name: session[name] for name in ("username", "role")}})
        if path == "/api/logs" and session["role"] != "admin":
            return self.answer_json(403, {"error": "Forbidden"})
        return self.answer_json(200, {"path": path})

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        path = self.path.partition("?")[0]
        if self.headers.get("Authorization"):
            print(f"the dashboard was given an Authorization header for {path}", file=sys.stderr, flush=True)
        if self.headers.get("Upgrade", "").lower() == "websocket":
            return self.switch_protocols()
        if path.startswith("/api/"):
            return self.api(path)
        if path.startswith("/_next/static/"):
            return self.answer(200, "application/javascript", SCRIPT, [("Cache-Control", "public, immutable")])
        if path in ("/login", "/welcome"):
            return self.answer(200, "text/html; charset=utf-8", PAGE)
        return self.answer(307, "text/plain", b"", [("Location", "/login")])

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", 3000), Dashboard).serve_forever()
