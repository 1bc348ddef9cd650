"""A real Redis for a soak, if there is one on this machine."""

import shutil
import signal
import socket
import subprocess
import time


class Redis:
    def __init__(self, folder):
        self.program = shutil.which("redis-server") or shutil.which("valkey-server")
        self.folder = folder
        self.process = None
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self):
        self.process = subprocess.Popen(
            [self.program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
             "--dir", str(self.folder), "--maxmemory", "128mb"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 10
        while time.monotonic() < end:
            try:
                return self.say(b"PING")
            except OSError:
                time.sleep(0.02)
        raise RuntimeError("Redis did not start")

    def say(self, command):
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as s:
            s.sendall(command + b"\r\n")
            return s.recv(4096)

    def kill(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def flush(self):
        self.say(b"FLUSHALL")
