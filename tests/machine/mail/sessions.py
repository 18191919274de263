# SPDX-License-Identifier: MIT
# Clients of the mail host. Each step requires the reply that it names, else the case ends: what was not done is not in
# the book either.
import base64
import re
import socket
import ssl
import subprocess

POSTFIX = "192.0.2.1"
DOVECOT = "127.0.0.1"
CLIENT = "192.0.2.10"  # client.example.net


def run(*command, stdin="", check=True):
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout


def tls_context(version=None):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if version:
        context.maximum_version = version
    return context


class Lines:
    """A connection for lines."""

    def __init__(self, host, port, source=None):
        self.socket = socket.create_connection((host, port), timeout=60, source_address=(source, 0) if source else None)
        self.file = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def write(self, text):
        self.socket.sendall(text.encode() if isinstance(text, str) else text)

    def read(self):
        return self.file.readline().decode("latin-1").rstrip("\r\n")

    def expect(self, pattern):
        line = self.read()
        if not re.match(pattern, line):
            raise AssertionError(f"instead of {pattern}: {line}")
        return line


class Smtp(Lines):
    def __init__(self, port=25, source=CLIENT, helo="client.example.net", greeting=220):
        super().__init__(POSTFIX, port, source)
        self.reply(greeting)
        if greeting == 220 and helo:
            self.send("EHLO " + helo)

    def __exit__(self, kind, *rest):
        if kind is None:
            try:
                self.write("QUIT\r\n")
                self.file.read()
            except OSError:
                pass
        super().__exit__(kind, *rest)

    def reply(self, code):
        while (line := self.read())[3:4] == "-":
            pass
        if not line.startswith(str(code)):
            raise AssertionError(f"instead of {code}: {line}")
        return line

    def send(self, text, code=250):
        self.write(text + "\r\n")
        return self.reply(code)

    def start_tls(self, version=None, then=250):
        self.send("STARTTLS", 220)
        self.socket = tls_context(version).wrap_socket(self.socket)
        self.file = self.socket.makefile("rb")
        if then == 250:
            self.send("EHLO client.example.net")
        else:
            self.reply(then)

    def log_in(self, user, password="right", code=235):
        plain = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
        self.send("AUTH PLAIN " + plain, code)

    def log_in_by_login(self, user, password, code=235):
        self.send("AUTH LOGIN", 334)
        self.send(base64.b64encode(user.encode()).decode(), 334)
        self.send(base64.b64encode(password.encode()).decode(), code)

    def envelope(self, *recipients, sender="u@example.net"):
        self.send(f"MAIL FROM:<{sender}>")
        for recipient in recipients:
            self.send(f"RCPT TO:<{recipient}>")

    def data(self, message="Subject: x\r\n\r\nx", code=250):
        self.send("DATA", 354)
        self.write(message + "\r\n.\r\n")
        self.reply(code)

    def bdat(self, chunk, last=False, code=250):
        self.write(f"BDAT {len(chunk)}{' LAST' if last else ''}\r\n{chunk}")
        self.reply(code)


def refused(recipient="a@example.org", code=550, sender="u@example.net", **session):
    """A session in which that recipient is refused with that code."""
    with Smtp(**session) as smtp:
        smtp.send(f"MAIL FROM:<{sender}>")
        smtp.send(f"RCPT TO:<{recipient}>", code)


def mail(*recipients, sender="u@example.net", message="Subject: x\r\n\r\nx", code=250, **session):
    with Smtp(**session) as smtp:
        smtp.envelope(*recipients, sender=sender)
        smtp.data(message, code)


def sendmail(*recipients, sender="a@example.org"):
    run("/usr/sbin/sendmail", "-f", sender or "<>", *recipients, stdin="Subject: x\n\nx\n")


class Imap(Lines):
    def __init__(self):
        super().__init__(DOVECOT, 143)
        self.expect(r"\* OK")

    def log_in(self, user, password, result="OK"):
        self.write(f'a LOGIN "{user}" "{password}"\r\n')
        while not (line := self.read()).startswith("a "):
            assert line, "the connection ended"
        assert line.startswith("a " + result), line

    def log_out(self):
        self.write("b LOGOUT\r\n")
        self.file.read()


class Pop3(Lines):
    def __init__(self):
        super().__init__(DOVECOT, 110)
        self.expect(r"\+OK")

    def log_in(self, user, password, result=r"\+OK"):
        self.write(f"USER {user}\r\n")
        self.expect(r"\+OK")
        self.write(f"PASS {password}\r\n")
        self.expect(result)

    def log_out(self):
        self.write("QUIT\r\n")
        self.file.read()


class Sieve(Lines):
    def __init__(self):
        super().__init__(DOVECOT, 4190)
        self.until("OK")

    def until(self, result):
        while not re.match(r"(OK|NO|BYE)\b", line := self.read()):
            assert line, "the connection ended"
        assert line.startswith(result), line

    def log_in(self, user, password, result="OK"):
        plain = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
        self.write(f'AUTHENTICATE "PLAIN" "{plain}"\r\n')
        self.until(result)

    def log_out(self):
        self.write("LOGOUT\r\n")
        self.file.read()


def spamd(message):
    """What spamd answers about a message. Source: its PROTOCOL."""
    with Lines("127.0.0.1", 783) as connection:
        connection.write(f"CHECK SPAMC/1.2\r\nUser: nobody\r\nContent-length: {len(message)}\r\n\r\n{message}")
        connection.expect("SPAMD/1.. 0 EX_OK")
        return connection.file.read().decode("latin-1")


__all__ = ["CLIENT", "Imap", "Lines", "Pop3", "Sieve", "Smtp", "mail", "refused", "run", "sendmail", "spamd"]
