#!/usr/bin/env python3
"""How long from the start of the service until films are taken, as systemd is told it, and whether the first film is as fast as those
after it.

    scripts/check/boot.py PROGRAM [--starts 5] [--films 12] [--config LINES]

PROGRAM is a built `sagitta`, best a release build; LINES are put behind the configuration, such as '[inference]\\nprovider = "tensorrt"'.
Needs Python 3 alone; no broker runs, so reports stay in the outbox of a ledger that is thrown away.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Service:
    """One start of the service, until it says READY=1."""

    def __init__(self, program: str, home: pathlib.Path, more: str):
        self.page = free_port()
        (home / "watch").mkdir(exist_ok=True)
        config = home / "sagitta.toml"
        config.write_text(
            f'[device]\nid = "boot"\n[ingest]\nwatch = "{home}/watch"\n[store]\npath = "{home}/store"\n'
            f'[mqtt]\nport = {free_port()}\n[http]\nlisten = "127.0.0.1:{self.page}"\n{more}\n'
        )
        address = home / f"notify-{time.monotonic_ns()}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
            told.bind(str(address))
            told.settimeout(600)
            begun = time.monotonic()
            self.process = subprocess.Popen(
                [program, "run", "--config", str(config)], cwd=ROOT, stderr=subprocess.DEVNULL,
                env={**os.environ, "NOTIFY_SOCKET": str(address)},
            )
            while b"READY=1" not in told.recv(65536):
                pass
            self.seconds = time.monotonic() - begun

    def reports(self) -> list:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.page}/api/reports?limit=100") as answer:
            return json.load(answer)["reports"]

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--films", type=int, default=12)
    parser.add_argument("--config", default="")
    given = parser.parse_args()
    more = given.config.replace("\\n", "\n")
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        films = home / "films"
        subprocess.run(
            [given.program, "phantom", "--count", str(given.films), "--seed", "5", "--pixel-mm", "0.3", "--out", str(films)],
            check=True, stderr=subprocess.DEVNULL,
        )
        starts = []
        for _ in range(given.starts):
            service = Service(given.program, home, more)
            starts.append(service.seconds)
            service.end()
        print(f"start to ready: {' '.join(f'{s:.2f}' for s in starts)} s; median {statistics.median(starts):.2f} s")
        service = Service(given.program, home, more)
        times = []
        for n, film in enumerate(sorted(films.glob("*.dcm")), 1):
            part = home / "part"
            shutil.copy(film, part)
            part.rename(home / "watch" / film.name)
            while len(reports := service.reports()) < n:
                time.sleep(0.05)
            times.append(reports[0]["timing_ms"]["detect"])
        service.end()
        print(f"detect, film by film: {' '.join(map(str, times))} ms; first {times[0]}, median of the others {statistics.median(times[1:]):.0f}")


if __name__ == "__main__":
    main()
