"""Stores results.json. It is rewritten after every measurement, so that an interrupted run keeps what it has.

    python results.py OUT NAME SECONDS STATUS LIMIT LOG

adds the record of a step of run.sh.
"""

import json
import os
import re
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

# The folders of a path, which are removed: the file name says enough, and the folders belong to one machine.
FOLDERS = re.compile(r"(?<![\w.:/])/(?:[^\s/:'\"(),]+/)+")
# The first line that radzero always writes to standard error.
NOTICE = "Research use only."


def at(node, *keys):
    """The value under these keys; None where nothing was measured."""
    for key in keys:
        node = node.get(key) if isinstance(node, dict) else None
    return node


class Results:
    def __init__(self, folder):
        self.path = Path(folder) / "results.json"
        self.content = json.loads(self.path.read_text()) if self.path.exists() else {"format": 1}
        self.failed = False
        # Some measurements run several programs at once.
        self.lock = threading.RLock()

    def save(self):
        partial = self.path.with_suffix(".partial")
        with self.lock:
            partial.write_text(json.dumps(self.content, indent=1, allow_nan=False) + "\n")
            os.replace(partial, self.path)

    def node(self, keys):
        node = self.content
        for key in keys:
            node = node.setdefault(key, {})
        return node

    def get(self, *keys):
        return at(self.content, *keys)

    def put(self, *keys_and_value):
        *keys, name, value = keys_and_value
        with self.lock:
            self.node(keys)[name] = value
            self.save()

    def skip(self, reason, *keys):
        self.put(*keys, "skipped", reason)

    def fail(self, reason, *keys):
        """Records a failure, keeping what else was measured."""
        self.failed = True
        print(f"{', '.join(keys)} failed: {reason}", flush=True)
        self.put(*keys, "failed", plain(reason))

    @contextmanager
    def guarded(self, *keys):
        """Records whatever goes wrong inside, so that the measurements after it still run."""
        try:
            yield
        except Exception as error:
            self.fail(f"{type(error).__name__}: {error}", *keys)


def plain(text, most=300):
    """The text as one line, without paths of this machine."""
    return FOLDERS.sub("", " ".join(str(text).split()))[:most]


def first_line(text):
    """The first line that is not empty and not radzero's notice."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith(NOTICE)]
    return plain(lines[0]) if lines else ""


def main():
    folder, name, seconds, status, limit, log = sys.argv[1:]
    step = {"step": name, "seconds": float(seconds), "status": int(status)}
    if step["status"] in (124, 137):
        step["reason"] = f"stopped after {limit} s"
    elif step["status"]:
        lines = [line for line in Path(log).read_text(errors="replace").splitlines() if line.strip()]
        lines = [line for line in lines if " failed: " in line] or lines
        step["reason"] = plain(lines[-1]) if lines else "no reason given"
    results = Results(folder)
    results.content.setdefault("steps", []).append(step)
    results.save()


if __name__ == "__main__":
    main()
