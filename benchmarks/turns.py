"""Engines that stand ready beside one another and take turns: processes that are asked for one measurement at a time.

An engine reads lines "WHAT LENGTH BATCH SECONDS" and answers each with a JSON line; the first line tells that it is
ready. The others wait on their standard inputs meanwhile. What each does on all cores is then one sequence of short
measurements, and what changes on the machine from minute to minute changes for all.
"""
import json
import pathlib
import subprocess
import tempfile
import threading
import time

SETTLE_SECONDS = 0.2  # Threads of an engine that spin after its turn have gone to sleep by then.
TURN_SECONDS = 0.25   # A turn repeats short work for so long, and counts the median.
WARM_UP_TOKENS = 8    # Of a text to decode.
READY_SECONDS = 600
TURN_LIMIT_SECONDS = 900


def family(pid):
    """A process and all below it."""
    found = [pid]
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += family(int(child))
    return found


def ticks_of(pid):
    """The processor time of a process and all below it, those that ended too."""
    fields = [pathlib.Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split() for each in family(pid)]
    return sum(sum(map(int, each[11:15])) for each in fields)


def machine_ticks():
    """(time that this machine's cores worked, time that its host took from them)"""
    user, nice, system, _, _, irq, softirq, steal = map(
        int, pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[1:9])
    return user + nice + system + irq + softirq, steal


class EngineFailed(Exception):
    pass


class Engine:
    """An engine at one model and precision; ready when the constructor returns."""

    def __init__(self, name, precision, command, env=None):
        self.name, self.precision = name, precision
        self.words = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.words,
                                        text=True, env=env)
        try:
            self.about = self.answer(READY_SECONDS)
        except EngineFailed:
            self.close()
            raise

    def answer(self, limit_seconds):
        """The next JSON line. Some engines print words of their own between."""
        timer = threading.Timer(limit_seconds, self.process.kill)
        timer.start()
        try:
            while line := self.process.stdout.readline():
                if line.startswith("{"):
                    return json.loads(line)
        finally:
            timer.cancel()
        raise EngineFailed(self.why(limit_seconds))

    def why(self, limit_seconds):
        """Why it ended."""
        if self.process.wait() == -9:
            return f"killed: no answer in {limit_seconds} s, or no memory left"
        self.words.seek(0)
        return ([line.strip() for line in self.words if line.strip()] or ["it said nothing"])[-1][:200]

    def run(self, work, at_least=TURN_SECONDS):
        """The seconds that `work` takes."""
        try:
            self.process.stdin.write(f"{work.what} {work.length} {work.batch} {at_least}\n")
            self.process.stdin.flush()
        except OSError:
            raise EngineFailed(self.why(TURN_LIMIT_SECONDS)) from None
        return self.answer(TURN_LIMIT_SECONDS)["seconds"]

    def rss_mib(self):
        statuses = [pathlib.Path(f"/proc/{pid}/status").read_text() for pid in family(self.process.pid)]
        lines = [line for status in statuses for line in status.splitlines() if line.startswith("VmRSS")]
        return sum(int(line.split()[1]) for line in lines) / 1024

    def close(self):
        try:
            self.process.stdin.close()
            self.process.wait(30)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.words.close()


class Rotation:
    """Takes engines through pieces of work in turns.

    `on_failure(engine, reason)` is called for an engine that ends; the others go on without it.
    """

    def __init__(self, engines, num_turns, max_seconds, on_failure):
        self.engines, self.num_turns, self.max_seconds = list(engines), num_turns, max_seconds
        self.on_failure = on_failure
        self.worked = self.own = self.stolen = 0  # In ticks, while an engine had its turn.

    def try_run(self, engine, work, at_least):
        """The seconds of one turn, or None if the engine ended."""
        time.sleep(SETTLE_SECONDS)
        try:
            (worked, stolen), own = machine_ticks(), ticks_of(engine.process.pid)
            seconds = engine.run(work, at_least)
            (worked_now, stolen_now), own_now = machine_ticks(), ticks_of(engine.process.pid)
        except (EngineFailed, OSError) as error:
            self.engines.remove(engine)
            self.on_failure(engine, str(error))
            engine.close()
            return None
        self.worked += worked_now - worked
        self.own += own_now - own
        self.stolen += stolen_now - stolen
        return seconds

    def measure(self, work, keeps_all=("chorus",)):
        """{engine: the seconds of its turns}. An engine has fewer turns than num_turns once they took max_seconds. A
        precision that is slower than another of the same engine by half has one turn, but for those of `keeps_all`."""
        warm_up = work._replace(length=WARM_UP_TOKENS) if work.what == "decode" else work
        for engine in list(self.engines):
            self.try_run(engine, warm_up if work.what != "graph" else work._replace(batch=1), 0)
        seconds = {engine: [] for engine in self.engines}
        for turn in range(self.num_turns):
            best = {}
            for engine, measured in seconds.items():
                if measured:
                    best[engine.name] = min(measured[0], best.get(engine.name, measured[0]))
            for engine in list(self.engines):
                measured = seconds[engine]
                slow = turn == 1 and engine.name not in keeps_all and measured[0] > 1.5 * best[engine.name]
                if slow or (measured and sum(measured) >= self.max_seconds) or len(measured) < turn:
                    continue
                taken = self.try_run(engine, work, TURN_SECONDS)
                if taken is not None:
                    measured.append(taken)
        return {engine: measured for engine, measured in seconds.items() if measured}
