"""A real Redis for the tests: Debian's binary on a port or socket of its own, in a folder of its own.

It comes with the package redis-tools (redis-check-rdb is the server, told by the name it is called
by), which brings no service that would start by itself.
"""

import contextlib
import datetime
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from ports import free_port

BINARY = "/usr/bin/redis-check-rdb"


def changed_at(cache):
    """Unix seconds since when the store of a status' `cache` is in use, by the daemon's own clock."""
    return datetime.datetime.fromisoformat(cache["since"].replace("Z", "+00:00")).timestamp()


def make_certificates(folder):
    """An authority and a certificate of it for localhost and 127.0.0.1; the authority's file."""
    ca, key, csr, crt = (folder / n for n in ("ca.pem", "key.pem", "csr.pem", "crt.pem"))
    openssl = ["openssl"]
    run = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    subprocess.run(openssl + ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                              "-keyout", "cakey.pem", "-out", ca, "-days", "2", "-subj", "/CN=test authority"], **run)
    subprocess.run(openssl + ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                              "-keyout", key, "-out", csr, "-subj", "/CN=localhost"], **run)
    (folder / "ext").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    subprocess.run(openssl + ["x509", "-req", "-in", csr, "-CA", ca, "-CAkey", "cakey.pem", "-CAcreateserial",
                              "-out", crt, "-days", "2", "-extfile", "ext"], **run)
    return ca


class Redis:
    """One server that can be killed, paused and started again on the same port."""

    def __init__(self, *config, tls=False, acl=None):
        assert os.access(BINARY, os.X_OK), "scripts/setup installs redis-tools"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="pgr"))
        self.port = free_port()
        self.path = self.folder / "redis.sock"
        self.tls = tls
        self.ca = make_certificates(self.folder) if tls else None
        self.config = list(config)
        self.acl = acl  # words of a user "limiter"
        self.process = None
        (self.folder / "redis-server").symlink_to(BINARY)

    def start(self, *more):
        f = self.folder
        args = [f / "redis-server", "--dir", f, "--daemonize", "no", "--save", "", "--bind", "127.0.0.1",
                "--unixsocket", self.path, "--logfile", f / "log", "--loglevel", "warning"]
        if self.tls:
            args += ["--port", "0", "--tls-port", self.port, "--tls-cert-file", f / "crt.pem",
                     "--tls-key-file", f / "key.pem", "--tls-ca-cert-file", f / "ca.pem", "--tls-auth-clients", "no"]
        else:
            args += ["--port", self.port]
        if self.acl:
            args += ["--user", *("limiter " + self.acl).split(), "--user", "default", "off"]
        self.process = subprocess.Popen([str(a) for a in [*args, *self.config, *more]], cwd=f,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as s:
                s.connect(str(self.path))
                return self
            assert self.process.poll() is None and time.monotonic() < end, (f / "log").read_text()
            time.sleep(0.01)

    def kill(self):
        self.process.kill()
        self.process.wait()
        with contextlib.suppress(OSError):
            self.path.unlink()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def say(self, *words, login=None):
        """One command over the socket; the raw first line of the answer, and the bulk when there is one."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(30)
            s.connect(str(self.path))
            stream = s.makefile("rwb")
            answer = None
            for line in ([("AUTH", *login)] if login else []) + [words]:
                stream.write(b"*%d\r\n" % len(line) + b"".join(
                    b"$%d\r\n%b\r\n" % (len(w), w) for w in (str(x).encode() for x in line)))
                stream.flush()
                answer = self.read(stream)
            return answer

    def read(self, stream):
        line = stream.readline().rstrip(b"\r\n")
        if line[:1] == b"$":
            n = int(line[1:])
            return None if n < 0 else stream.read(n + 2)[:n]
        if line[:1] == b"*":
            return [self.read(stream) for _ in range(int(line[1:]))]
        return line.decode()

    def keys(self, login=None):
        return sorted(k.decode() for k in self.say("KEYS", "*", login=login))

    def end(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.contextmanager
def redis(*config, **options):
    server = Redis(*config, **options)
    try:
        yield server.start()
    finally:
        server.end()
