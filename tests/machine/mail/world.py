#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# The other hosts and programs that the Postfix of the tests talks to: hosts that take mail for others, content filters,
# milters and a policy service. They do what an address or a subject says, so that the tests say it.
import re
import smtplib
import socketserver
import ssl
import struct
import threading

CERTIFICATE = "/etc/ssl/ceymail/cert.pem", "/etc/ssl/ceymail/key.pem"


class SmtpServer(socketserver.StreamRequestHandler):
    """Takes mail. A recipient 450-4.2.1@... is answered "450 4.2.1"; data-554-5.6.0@... so after its message."""

    tls_version: ssl.TLSVersion | None = None  # STARTTLS is offered, up to it

    def say(self, reply):
        self.wfile.write(reply.encode() + b"\r\n")
        self.wfile.flush()

    def extensions(self):
        return ["STARTTLS"] if self.tls_version and not isinstance(self.connection, ssl.SSLSocket) else []

    def handle(self):
        self.recipients, self.sender = [], ""
        self.say("220 mx.remote.example ESMTP")
        while line := self.rfile.readline():
            verb, _, argument = line.decode("latin-1").strip().partition(" ")
            command = getattr(self, "do_" + verb.lower(), None)
            if command is None:
                self.say("502 5.5.2 not known")
            elif command(argument) is False:
                return

    def do_ehlo(self, _):
        lines = ["mx.remote.example", *self.extensions()]
        for line in lines[:-1]:
            self.say("250-" + line)
        self.say("250 " + lines[-1])

    def do_helo(self, _):
        self.say("250 mx.remote.example")

    def do_starttls(self, _):
        self.say("220 2.0.0 go ahead")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*CERTIFICATE)
        context.maximum_version = self.tls_version or ssl.TLSVersion.TLSv1_3
        self.connection = context.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb")

    def do_mail(self, argument):
        self.sender, self.recipients = argument.partition("<")[2].partition(">")[0], []
        self.say("250 2.1.0 sender")

    def do_rcpt(self, argument):
        recipient = argument.partition("<")[2].rpartition(">")[0]
        scripted = re.match(r"(\d{3})-([\d.]+)@", recipient)
        if recipient.startswith("hangup@"):
            return False
        if scripted:
            self.say(f"{scripted[1]} {scripted[2]} as the address says, dsn=2.0.0, status=sent (250 2.0.0 Ok)")
        else:
            self.recipients.append(recipient)
            self.say("250 2.1.5 recipient")
        return True

    def do_data(self, _):
        if not self.recipients:
            return self.say("554 5.5.1 no recipients")
        self.say("354 go on")
        message = b""
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            message += line
        return self.say(self.taken(message))

    def taken(self, _message):
        scripted = re.match(r"data-(\d{3})-([\d.]+)@", self.recipients[0])
        return f"{scripted[1]} {scripted[2]} as the address says" if scripted else "250 2.0.0 Ok: queued as 12345"

    def do_rset(self, _):
        self.sender, self.recipients = "", []
        self.say("250 2.0.0 Ok")

    def do_noop(self, _):
        self.say("250 2.0.0 Ok")

    def do_quit(self, _):
        self.say("221 2.0.0 Bye")
        return False


class ServerWithTls(SmtpServer):
    tls_version = ssl.TLSVersion.TLSv1_3


class ServerWithOldTls(SmtpServer):
    tls_version = ssl.TLSVersion.TLSv1_2


class Filter(SmtpServer):
    """Hands each message back to Postfix, on port 10025, and says whose it was."""

    with_xforward = True

    def extensions(self):
        return ["XFORWARD NAME ADDR PROTO HELO SOURCE PORT IDENT"] if self.with_xforward else []

    def do_xforward(self, _):
        self.say("250 2.0.0 Ok")

    def taken(self, message):
        if b"Subject: refused by the proxy" in message:
            return "550 5.7.1 refused by the proxy, status=sent (250 ok)"
        with smtplib.SMTP("127.0.0.1", 10025, local_hostname="filter.example.org") as back:
            back.ehlo()
            if self.with_xforward:
                back.docmd("XFORWARD", "NAME=client.example.net ADDR=192.0.2.10")
            back.mail(self.sender)
            for recipient in self.recipients:
                back.rcpt(recipient)
            code, text = back.data(message)
        return f"{code} {text.decode()}"


class SilentFilter(Filter):
    with_xforward = False


class Milter(socketserver.StreamRequestHandler):
    """Goes by the subject and the recipient. Source: Sendmail's mfdef.h, version 6 of the protocol."""

    replies = {b"milter-refuses": b"y550 5.7.1 not by this milter, status=sent (250 ok)\0", b"milter-defers": b"t",
               b"milter-discards": b"d", b"milter-hangs-up": b"y421 4.7.1 not by this milter\0"}
    breaks_at = b""

    def say(self, packet):
        self.wfile.write(struct.pack(">I", len(packet)) + packet)

    def handle(self):
        verdict = b"c"
        while len(head := self.rfile.read(4)) == 4:
            packet = self.rfile.read(struct.unpack(">I", head)[0])
            command, data = packet[:1], packet[1:]
            if command == b"O":
                self.say(b"O" + struct.pack(">III", 6, 0, 0))
            elif command in b"DAK":
                verdict = b"c" if command == b"A" else verdict
            elif command == b"Q" or command == self.breaks_at:
                return
            elif command in b"HR":
                self.say(next((reply for word, reply in self.replies.items() if word in data), b"c"))
            else:
                if command == b"L":
                    verdict = next((reply for word, reply in self.replies.items() if word in data), verdict)
                self.say(verdict if command == b"E" else b"c")


class BrokenMilter(Milter):
    breaks_at = b"M"


class PolicyService(socketserver.StreamRequestHandler):
    """Postfix's SMTPD_POLICY_README."""

    def handle(self):
        recipient = ""
        while line := self.rfile.readline().decode("latin-1"):
            if line.startswith("recipient="):
                recipient = line.strip()[len("recipient="):]
            if line == "\n":
                busy = recipient.startswith("b@")
                self.wfile.write(b"action=%s\n\n" % (b"DEFER come back when we are less busy" if busy else b"DUNNO"))


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


SERVERS = {
    ("192.0.2.25", 25): SmtpServer,
    ("192.0.2.27", 25): ServerWithTls,
    ("192.0.2.28", 25): ServerWithOldTls,
    ("127.0.0.1", 10024): Filter,
    ("127.0.0.1", 10034): SilentFilter,
    ("127.0.0.1", 8891): Milter,
    ("127.0.0.1", 8892): BrokenMilter,
    ("127.0.0.1", 10040): PolicyService,
}

threads = [threading.Thread(target=Server(address, handler).serve_forever) for address, handler in SERVERS.items()]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
