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

import table

SETTLE_SECONDS = 0.2  # Threads of an engine that spin after its turn have gone to sleep by then.
TURN_SECONDS = 0.25   # A turn repeats short work for so long, and counts the median.
WARM_UP_TOKENS = 8    # Of a text to decode.
SLOW_WARM_UP = 4
SLOW_TURN = 1.5
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

    `on_drop(engine, reason)` is called for an engine that ends, or is far too slow; the others go on without it.
    """

    keeps_all = ("chorus",)  # The engines whose precisions are all measured, however slow.

    def __init__(self, engines, num_turns, max_seconds, on_drop):
        self.engines, self.num_turns, self.max_seconds = list(engines), num_turns, max_seconds
        self.on_drop = on_drop
        self.worked = self.own = self.stolen = 0  # In ticks, while an engine had its turn.

    def drop(self, engine, reason):
        self.engines.remove(engine)
        self.on_drop(engine, reason)
        engine.close()

    def try_run(self, engine, work, at_least):
        """The seconds of one turn, or None if the engine ended."""
        time.sleep(SETTLE_SECONDS)
        try:
            (worked, stolen), own = machine_ticks(), ticks_of(engine.process.pid)
            seconds = engine.run(work, at_least)
            (worked_now, stolen_now), own_now = machine_ticks(), ticks_of(engine.process.pid)
        except (EngineFailed, OSError) as error:
            self.drop(engine, str(error))
            return None
        self.worked += worked_now - worked
        self.own += own_now - own
        self.stolen += stolen_now - stolen
        return seconds

    def warm_up(self, work):
        """The engines that are ready for turns at `work`. A peer's precision that is SLOW_WARM_UP times as slow as
        another of the same peer, twice, is dropped."""
        short = {"decode": work._replace(length=WARM_UP_TOKENS), "graph": work._replace(batch=1)}.get(work.what, work)
        taken = {engine: self.try_run(engine, short, 0) for engine in list(self.engines)}
        taken = {engine: seconds for engine, seconds in taken.items() if seconds is not None}
        for engine in list(taken):
            if self.slowness(engine, taken) > SLOW_WARM_UP:
                taken[engine] = self.try_run(engine, short, 0)
                if taken[engine] is None:
                    del taken[engine]
                elif (times := self.slowness(engine, taken)) > SLOW_WARM_UP:
                    del taken[engine]
                    self.drop(engine, f"{table.describe(work)}: {times:.0f} times as slow as another of its precisions")
        return list(taken)

    def slowness(self, engine, taken):
        """How many times the seconds of the fastest precision of the same peer; 1 for Chorus, whose precisions all
        have their turns."""
        if engine.name in self.keeps_all:
            return 1
        return taken[engine] / min(seconds for each, seconds in taken.items() if each.name == engine.name)

    def measure(self, work):
        """{engine: the seconds of its turns}. An engine has fewer turns than num_turns once they took max_seconds. A
        peer's precision that is SLOW_TURN times as slow as another of the same peer has one turn."""
        seconds = {engine: [] for engine in self.warm_up(work)}
        for turn in range(self.num_turns):
            if turn == 1:
                first = {engine: measured[0] for engine, measured in seconds.items() if measured}
                once = [engine for engine in first if self.slowness(engine, first) > SLOW_TURN]
            for engine, measured in seconds.items():
                if len(measured) < turn or sum(measured) >= self.max_seconds or (turn > 0 and engine in once):
                    continue
                taken = self.try_run(engine, work, TURN_SECONDS)
                if taken is not None:
                    measured.append(taken)
        return {engine: measured for engine, measured in seconds.items() if measured}
