"""results.json: after every measurement it is written whole, so that a run that is cut off leaves what it had.

    python results.py OUT NAME SECONDS STATUS LIMIT LOG

adds a line about a step of run.sh.
"""

import json
import os
import re
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

# The folders of a path: its name says enough, and the folders are those of one machine.
FOLDERS = re.compile(r"(?<![\w.:/])/(?:[^\s/:'\"(),]+/)+")
# radzero's first line on standard error, whatever it does.
NOTICE = "Research use only."


def at(node, *keys):
    """What lies there; None where nothing was measured."""
    for key in keys:
        node = node.get(key) if isinstance(node, dict) else None
    return node


class Results:
    def __init__(self, folder):
        self.path = Path(folder) / "results.json"
        self.content = json.loads(self.path.read_text()) if self.path.exists() else {"format": 1}
        self.failed = False
        # Several measurements of correctness run at once.
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
        """What failed, beside what else is known of it."""
        self.failed = True
        print(f"{', '.join(keys)} failed: {reason}", flush=True)
        self.put(*keys, "failed", plain(reason))

    @contextmanager
    def guarded(self, *keys):
        """Whatever goes wrong inside is a line of the results, and what comes after goes on."""
        try:
            yield
        except Exception as error:
            self.fail(f"{type(error).__name__}: {error}", *keys)


def plain(text, most=300):
    """One line, without the folders of this machine."""
    return FOLDERS.sub("", " ".join(str(text).split()))[:most]


def first_line(text):
    """The first line that says something."""
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
