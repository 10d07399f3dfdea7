#!/usr/bin/env python3
"""Load test of the service: load.py SERVICE MODEL_DIR [--small] [--rounds N] [--image FILE]

Starts SERVICE on a free local port, with 64 places in its queue, and sends it requests over 1, 64 and 5,000 connections at once.
Of the 5,000, some disconnect midway, some send garbage, and some set deadlines that are too short. Afterwards the queue must be
empty. All rounds are alike, and memory must not grow from one to the next.

Prints the answers, and exits with 1 on any fault: an unexpected answer, no answer in time, a wrong result, requests left in the
queue, growing memory, a panic, a non-zero exit of the service. Needs only Python 3; memory is measured on Linux.
"""

import argparse
import asyncio
import collections
import json
import os
import pathlib
import random
import resource
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
IMAGE = HERE / "../../tests/golden/images/gray8.png"
PROMPTS = ["There is nodule", "There is pleural effusion"]
# In seconds: the service's time limit, and the time after which an answer counts as missing.
TIMEOUT, HANG = 60, 120
# Bytes by which memory may grow from the second round to the last: less than a kilobyte per request.
GROWTH = 8 << 20

GARBAGE = [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + random.Random(1).randbytes(200),
    b"HELO there\r\n\r\n",
    b"POST /infer?prompt=a HTTP/1.1\r\nhost: a\r\ncontent-length: many\r\n\r\n",
    b"POST /infer?prompt=a HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n\r\n",
]
CLOSED = "closed"
# Statuses that each kind of client may get. A full queue is reported before any fault of the image.
EXPECTED = {
    "asks": {200, 503},
    "hurries": {200, 408, 503, 504},
    "no prompt": {400},
    "no image": {415, 503},
    "cut off": {422, 503},
    "garbage": {400, 503, CLOSED},
    "leaves": {None},
    "leaves early": {None},
    "stalls": {None},
}
# Kinds of clients among 100 connections.
CROWD = {"asks": 60, "hurries": 10, "no prompt": 3, "no image": 3, "cut off": 3, "garbage": 6, "leaves": 7, "leaves early": 6, "stalls": 2}


class Closed(Exception):
    """The service closed the connection before it answered."""


class Connection:
    """A connection to the service, reused until the service closes it."""

    def __init__(self, port):
        self.port, self.socket, self.received = port, None, b""

    async def open(self):
        self.close()
        self.socket, self.received = socket.socket(), b""
        self.socket.setblocking(False)
        await asyncio.get_running_loop().sock_connect(self.socket, ("127.0.0.1", self.port))

    def close(self):
        if self.socket:
            self.socket.close()
        self.socket = None

    async def send(self, *parts):
        if self.socket is None:
            await self.open()
        try:
            await asyncio.get_running_loop().sock_sendall(self.socket, b"".join(parts))
        except (BrokenPipeError, ConnectionResetError):
            pass  # The service may have answered before it closed the connection.

    async def receive(self):
        try:
            received = await asyncio.get_running_loop().sock_recv(self.socket, 1 << 16)
        except ConnectionResetError:
            received = b""
        if not received:
            raise Closed
        self.received += received

    async def answer(self):
        while b"\r\n\r\n" not in self.received:
            await self.receive()
        head, self.received = self.received.split(b"\r\n\r\n", 1)
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        length = int(headers["content-length"])
        while len(self.received) < length:
            await self.receive()
        body, self.received = self.received[:length], self.received[length:]
        if headers.get("connection") == "close":
            self.close()
        return int(first.split(" ")[1]), headers, body

    async def get(self, path):
        await self.send(f"GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
        status, _, body = await self.answer()
        return status, json.loads(body)


def head(length, prompts=PROMPTS, timeout=None):
    """The head of a request with a body of this length."""
    query = urllib.parse.urlencode([("prompt", prompt) for prompt in prompts])
    deadline = f"x-timeout-seconds: {timeout}\r\n" if timeout else ""
    return f"POST /infer?{query} HTTP/1.1\r\nhost: localhost\r\n{deadline}content-length: {length}\r\n\r\n".encode()


class Load:
    """One level of load, and the answers it gets."""

    def __init__(self, port, image, expected, tries, wrong):
        self.port, self.image, self.expected, self.tries, self.wrong = port, image, expected, tries, wrong
        self.answers, self.latencies = collections.Counter(), []

    def count(self, kind, status, headers, body):
        self.answers[status] += 1
        if status not in EXPECTED[kind]:
            self.wrong(f"a client that {kind!r} was answered {status}: {body[:200]!r}")
        if status == 200 and body != self.expected:
            self.wrong("a result differs from that of the same image alone")
        if status == 503 and "retry-after" not in headers:
            self.wrong("503 without Retry-After")
        if isinstance(status, int) and status not in (200, 400) and "message" not in json.loads(body):
            self.wrong(f"{status} without a message")

    async def ask(self, connection, kind, *parts):
        start = time.perf_counter()
        await connection.send(*parts)
        try:
            status, headers, body = await connection.answer()
        except Closed:
            status, headers, body = CLOSED, {}, b""
            connection.close()
        self.count(kind, status, headers, body)
        if status == 200:
            self.latencies.append(time.perf_counter() - start)
        return status, headers

    async def client(self, connection, kind, number, requests):
        image, chance = self.image, random.Random(number)
        if kind in ("asks", "hurries"):
            for _ in range(requests):
                for _ in range(self.tries):
                    timeout = chance.uniform(0.001, 0.1) if kind == "hurries" else None
                    status, headers = await self.ask(connection, kind, head(len(image), timeout=timeout), image)
                    if status != 503:
                        break
                    await asyncio.sleep(int(headers["retry-after"]) * chance.uniform(1, 2))
        elif kind == "no prompt":
            await self.ask(connection, kind, head(len(image), prompts=[]), image)
        elif kind == "no image":
            await self.ask(connection, kind, head(11), b"hello there")
        elif kind == "cut off":
            await self.ask(connection, kind, head(len(image) // 2), image[: len(image) // 2])
        elif kind == "garbage":
            await self.ask(connection, kind, GARBAGE[number % len(GARBAGE)])
        elif kind == "leaves":
            for _ in range(self.tries):
                await connection.send(head(len(image)), image)
                try:
                    status, headers, _ = await asyncio.wait_for(connection.answer(), chance.uniform(0, 0.1))
                except (asyncio.TimeoutError, Closed):
                    break
                if status == 200:
                    break
                await asyncio.sleep(int(headers["retry-after"]) * chance.uniform(1, 2))
        elif kind == "leaves early":
            await connection.send(head(len(image)), image[: len(image) // 2])
            await asyncio.sleep(chance.uniform(0, 0.5))
        elif kind == "stalls":
            await connection.send(head(len(image))[:30])
            await asyncio.sleep(2)

    async def client_until_it_leaves(self, connection, kind, number, requests):
        try:
            await self.client(connection, kind, number, requests)
        finally:
            connection.close()

    async def run(self, kinds, requests):
        connections = [Connection(self.port) for _ in kinds]
        # All connections are open before the first request is sent.
        await asyncio.wait_for(asyncio.gather(*(connection.open() for connection in connections)), HANG)
        start = time.perf_counter()
        clients = [
            asyncio.wait_for(self.client_until_it_leaves(connection, kind, number, requests), HANG)
            for number, (connection, kind) in enumerate(zip(connections, kinds))
        ]
        for kind, ended in zip(kinds, await asyncio.gather(*clients, return_exceptions=True)):
            if isinstance(ended, BaseException):
                self.wrong(f"a client that {kind!r} ended in {ended!r}")
        return time.perf_counter() - start


async def watch(port, slowest):
    """Polls /health the whole time, to show that nothing blocks the service's threads."""
    connection = Connection(port)
    while True:
        start = time.perf_counter()
        status, _ = await connection.get("/health")
        assert status == 200, status
        slowest[0] = max(slowest[0], time.perf_counter() - start)
        await asyncio.sleep(0.05)


async def until_empty(port, wrong):
    """Waits until the queue is empty, and returns its status."""
    connection, deadline = Connection(port), time.monotonic() + 30
    while True:
        _, status = await connection.get("/status")
        left = {name: status[name] for name in ("taken", "waiting", "in_progress") if status[name]}
        if not left or time.monotonic() > deadline:
            if left:
                wrong(f"left in the queue: {left}")
            connection.close()
            return status
        await asyncio.sleep(0.05)


def memory(process):
    """Resident memory of the process in bytes, where Linux reports it."""
    try:
        lines = pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("VmRSS")), None)


def megabytes(size):
    return "unknown" if size is None else f"{size / (1 << 20):.0f} MiB"


async def put_under_load(process, port, arguments, wrong):
    image = arguments.image.read_bytes()
    connection = Connection(port)
    await connection.send(head(len(image)), image)
    status, _, expected = await asyncio.wait_for(connection.answer(), HANG)
    connection.close()
    if status != 200 or [result["prompt"] for result in json.loads(expected)["results"]] != PROMPTS:
        wrong(f"the first request was answered {status}: {expected[:200]!r}")
        return
    print(f"at the start: {megabytes(memory(process))}")

    levels = [(1, 3), (8, 1), (200, 1)] if arguments.small else [(1, 200), (64, 20), (5000, 1)]
    rounds = []
    for number in range(arguments.rounds):
        for connections, requests in levels:
            calm = connections <= arguments.capacity
            kinds = ["asks"] * connections if calm else [kind for kind, share in CROWD.items() for _ in range(share * connections // 100)]
            random.Random(number).shuffle(kinds)
            before = await until_empty(port, wrong)
            load, slowest = Load(port, image, expected, arguments.tries, wrong), [0.0]
            watching = asyncio.create_task(watch(port, slowest))
            seconds = await load.run(kinds, requests)
            if watching.done():
                wrong(f"/health ended in {watching.exception()!r}")
            watching.cancel()
            after = await until_empty(port, wrong)
            totals = {name: after["totals"][name] - before["totals"][name] for name in ("answered", "failed", "ended", "refused")}
            report(connections, load, seconds, slowest[0], totals, memory(process))
            # Clients that left are in the service's counts but not in ours; among thousands, some had a place.
            answered, left = load.answers[200], totals["ended"] - load.answers[504]
            if calm:
                agree = totals["answered"] == answered == connections * requests and left == totals["refused"] == 0
            else:
                agree = totals["answered"] >= answered > 0 and totals["refused"] >= load.answers[503] > 0 and left >= int(not arguments.small)
            if not agree:
                wrong(f"the service counts {totals}, its clients {dict(load.answers)}")
        rounds.append(memory(process))
    # In the first round the allocator takes what 5,000 connections need at once, and keeps it.
    if len(rounds) > 2 and None not in rounds and rounds[-1] - rounds[1] > GROWTH:
        wrong(f"memory grows from round to round: {', '.join(map(megabytes, rounds))}")


def report(connections, load, seconds, slowest, totals, size):
    answers = ", ".join(f"{count} x {status}" for status, count in sorted(load.answers.items(), key=str))
    print(f"{connections} connections: {answers}; {sum(load.answers.values()) / seconds:.0f} answers and {load.answers[200] / seconds:.0f} results a second")
    if load.latencies:
        print(f"    results after {1e3 * statistics.median(load.latencies):.0f} ms (median), {1e3 * max(load.latencies):.0f} ms (longest); ", end="")
    print(f"/health after {1e3 * slowest:.0f} ms at most; {megabytes(size)}")
    print(f"    the service counts {', '.join(f'{count} {name}' for name, count in totals.items())}", flush=True)


def started(process, log):
    """Waits until the service listens, and returns its port."""
    deadline = time.monotonic() + HANG
    while process.poll() is None and time.monotonic() < deadline:
        for line in pathlib.Path(log).read_text().splitlines(True):
            if line.startswith("listening on ") and line.endswith("\n"):
                return int(line.rsplit(":", 1)[1])
        time.sleep(0.02)
    raise SystemExit(f"the service did not start: {pathlib.Path(log).read_text()}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("service", help="path of the service program")
    parser.add_argument("model", help="model directory")
    parser.add_argument("--small", action="store_true", help="only 1, 8 and 200 connections, for the test suite")
    parser.add_argument("--rounds", type=int, default=4, help="number of rounds (default: 4)")
    parser.add_argument("--image", type=pathlib.Path, default=IMAGE, help="radiograph to send")
    arguments = parser.parse_args()
    # Places in the queue, and how often a client tries if the queue is full.
    arguments.capacity, arguments.tries = (8, 1) if arguments.small else (64, 3)

    # For this process and the service: every connection needs a file descriptor.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    faults = collections.Counter()

    def wrong(message):
        faults[message] += 1

    with tempfile.NamedTemporaryFile() as log:
        command = [arguments.service, arguments.model, "--listen", "127.0.0.1:0", "--capacity", str(arguments.capacity), "--timeout", str(TIMEOUT)]
        # With one glibc arena per thread, memory would settle only after many rounds, and a leak would not show.
        process = subprocess.Popen(command, stderr=log, env=os.environ | {"MALLOC_ARENA_MAX": "1"})
        try:
            port = started(process, log.name)
            asyncio.run(put_under_load(process, port, arguments, wrong))
            process.send_signal(signal.SIGTERM)
            if process.wait(timeout=60) != 0:
                wrong(f"the service ended with {process.returncode}")
        finally:
            process.kill()
        written = pathlib.Path(log.name).read_text()
        if "panicked" in written or "error " in written:
            wrong(f"the service said: {written}")

    for message, count in faults.most_common(20):
        print(f"wrong, {count} times: {message}")
    print("something is wrong" if faults else "all is well")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
