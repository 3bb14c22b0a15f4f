#!/usr/bin/env python3
"""Times the whole service from outside: a film complete in the folder to its report at a subscriber.

    scripts/check/speed.py --sagitta target/release/sagitta [--pixel-mm 0.1] [--films 20] [--backlog 500] [--models models]

Starts a mosquitto and `sagitta run` on loopback, renames films into the watched folder one at a time, and tells when each
report reached a subscriber, and where the time went by the report's own `timing_ms`. With `--backlog` it then drops that many
films at once and watches the service's resident memory until all are measured. The films are one phantom whose last pixel
differs, so that each is new. Standard library only; needs mosquitto and mosquitto_sub. Nothing is asserted: figures
belong to the machine they were taken on.
"""

import argparse
import json
import os
import queue
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def resident(pid):
    """(now, highest) resident memory in MB."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    return tuple(int(lines[k].split()[0]) / 1024 for k in ("VmRSS", "VmHWM"))


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Heard:
    """What a subscriber hears of reports: (time, report), in order."""

    def __init__(self, port):
        command = ["mosquitto_sub", "-p", str(port), "-V", "mqttv5", "-q", "1", "-t", "sagitta/speed/report", "-F", "%U %p"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.reports = queue.Queue()
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        for line in self.process.stdout:
            at, payload = line.split(" ", 1)
            self.reports.put((float(at), json.loads(payload)))

    def next(self, limit):
        return self.reports.get(timeout=limit)


def start(arguments, folder, processes):
    port = free_port()
    (folder / "mosquitto.conf").write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n")
    processes.append(subprocess.Popen(["mosquitto", "-c", str(folder / "mosquitto.conf")], stderr=subprocess.DEVNULL))
    (folder / "watch").mkdir()
    (folder / "sagitta.toml").write_text(f"""
[device]
id = "speed"
[ingest]
watch = "{folder}/watch"
[store]
path = "{folder}/store"
[mqtt]
host = "127.0.0.1"
port = {port}
[http]
listen = "127.0.0.1:{free_port()}"
[inference]
models = "{arguments.models}"
""")
    time.sleep(0.5)
    heard = Heard(port)
    processes.append(heard.process)
    log = (folder / "log").open("w")
    service = subprocess.Popen([arguments.sagitta, "run", "--config", str(folder / "sagitta.toml")], stdout=log, stderr=log)
    processes.append(service)
    return service, heard


def one_at_a_time(arguments, folder, film, service, heard):
    taken, timings = [], []
    for number in range(arguments.films + 1):
        name = f"single-{number:04}.dcm"
        (folder / name).write_bytes(film + number.to_bytes(2, "little"))
        cpu = cpu_seconds(service.pid)
        begun = time.time()
        os.rename(folder / name, folder / "watch" / name)
        at, report = heard.next(60)
        if number == 0:  # the first one waits for the models
            continue
        taken.append(at - begun)
        timings.append(report["timing_ms"] | {"cpu": 1000 * (cpu_seconds(service.pid) - cpu)})
    width, height = report["image"]["width"], report["image"]["height"]
    print(f"{len(taken)} films of {width} × {height}, {len(film) / 1e6:.1f} MB, one at a time: complete to heard by a subscriber "
          f"median {statistics.median(taken) * 1000:.0f} ms, slowest {max(taken) * 1000:.0f} ms")
    for part in timings[0]:
        print(f"    {part:8} {statistics.median(t[part] for t in timings):7.0f} ms")
    print(f"    resident {resident(service.pid)[0]:.0f} MB, at most {resident(service.pid)[1]:.0f} MB")


def backlog(arguments, folder, film, service, heard):
    for number in range(arguments.backlog):
        name = f"backlog-{number:04}.dcm"
        (folder / name).write_bytes(film + (number + 10_000).to_bytes(2, "little"))
    begun, highest = time.time(), 0.0
    for number in range(arguments.backlog):
        name = f"backlog-{number:04}.dcm"
        os.rename(folder / name, folder / "watch" / name)
    for number in range(arguments.backlog):
        heard.next(120)
        highest = max(highest, resident(service.pid)[0])
    seconds = time.time() - begun
    print(f"backlog of {arguments.backlog}: {seconds:.0f} s, {seconds / arguments.backlog * 1000:.0f} ms a film; "
          f"resident at most {highest:.0f} MB, peak {resident(service.pid)[1]:.0f} MB")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sagitta", default=str(ROOT / "target/release/sagitta"))
    parser.add_argument("--models", default=str(ROOT / "models"))
    parser.add_argument("--pixel-mm", default="0.1", help="of the phantom: 0.1 gives about 3000 × 2500 pixels")
    parser.add_argument("--films", type=int, default=20)
    parser.add_argument("--backlog", type=int, default=0)
    arguments = parser.parse_args()
    processes = []
    folder = Path(tempfile.mkdtemp(prefix="sagitta-speed-"))
    try:
        made = [arguments.sagitta, "phantom", "--count", "1", "--seed", "7", "--pixel-mm", arguments.pixel_mm, "--out", str(folder / "made")]
        subprocess.run(made, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        film = next((folder / "made").glob("*.dcm")).read_bytes()[:-2]
        service, heard = start(arguments, folder, processes)
        one_at_a_time(arguments, folder, film, service, heard)
        if arguments.backlog:
            backlog(arguments, folder, film, service, heard)
    except queue.Empty:
        sys.exit(f"no report came; the service's last words:\n{(folder / 'log').read_text()[-2000:]}")
    finally:
        for process in reversed(processes):
            process.send_signal(signal.SIGTERM)
            process.wait(20)
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
