"""A graph under load, step by step: what runner_server's scheduler and the gateway's choice of replicas do, with the
times of the steps from a profile instead of computing them.

Time is in seconds. Nothing here is random but the two replicas of which a call goes to the less loaded, and that is seeded.
"""
import collections
import dataclasses
import heapq
import itertools
import random

# runner_server's defaults.
MAX_SEQUENCES = 32
MAX_STEP_TOKENS = 512
TARGET_STEP_SECONDS = 0.1
MIN_PREFILL_TOKENS = 32


@dataclasses.dataclass(frozen=True)
class Request:
    arrival: float
    prompt_tokens: int
    new_tokens: int


class Events:
    """What happens when. `now` is the time of what happens now."""

    def __init__(self):
        self.now = 0.0
        self._queue = []
        self._order = itertools.count()

    def at(self, time, callback):
        heapq.heappush(self._queue, (time, next(self._order), callback))

    def run(self):
        while self._queue:
            self.now, _, callback = heapq.heappop(self._queue)
            callback()


class Machine:
    """Cores that whatever runs on them shares evenly. A piece of work uses one of them."""

    def __init__(self, events, num_cores):
        self._events, self._num_cores = events, num_cores
        self._active = []  # [seconds left on a core to itself, slowdown in company, what to do then]
        self._since = 0.0
        self._timer = 0

    def run(self, seconds, slowdown, done):
        self._advance()
        self._active.append([seconds, slowdown, done])
        self._set_timer()

    def _rate(self, work):
        if len(self._active) == 1:
            return 1.0
        return min(1.0, self._num_cores / len(self._active)) / work[1]

    def _advance(self):
        elapsed = self._events.now - self._since
        self._since = self._events.now
        for work in self._active:
            work[0] -= elapsed * self._rate(work)

    def _set_timer(self):
        self._timer += 1
        if self._active:
            timer, left = self._timer, min(max(work[0], 0.0) / self._rate(work) for work in self._active)
            self._events.at(self._events.now + left, lambda: self._on_timer(timer))

    def _on_timer(self, timer):
        if timer != self._timer:
            return  # Something has begun or ended since it was set.
        self._advance()
        first = min(self._active, key=lambda work: work[0] / self._rate(work))
        self._active.remove(first)
        self._set_timer()
        first[2]()


class Reserved:
    """A core for each replica alone, on machines all of whose cores are busy: nothing to share, but the memory."""

    def __init__(self, events):
        self._events = events

    def run(self, seconds, slowdown, done):
        self._events.at(self._events.now + seconds * slowdown, done)


class Process:
    """Work on one core that is done one piece after another, in the order in which it came."""

    def __init__(self, machine):
        self._machine = machine
        self._queue = collections.deque()

    def add(self, seconds, done=lambda: None):
        self._queue.append((seconds, done))
        if len(self._queue) == 1:
            self._next()

    def _next(self):
        self._machine.run(self._queue[0][0], 1.0, self._on_done)

    def _on_done(self):
        done = self._queue.popleft()[1]
        if self._queue:
            self._next()
        done()


@dataclasses.dataclass
class Sequence:
    prompt_left: int
    length: int  # Tokens so far.
    new_tokens: int
    on_end: object


class Replica:
    """One runner: steps as long as there is work."""

    def __init__(self, model, machine, on_tokens):
        self.model, self._machine, self._on_tokens = model, machine, on_tokens
        self.outstanding_tokens = 0  # As the gateway counts them.
        self.max_kv_tokens = 0
        self._stepping = False

    def _begin(self, tokens, num_choosing, keys, on_end):
        self._stepping = True
        seconds = self.model.step(tokens, num_choosing, keys)
        self._machine.run(seconds, self.model.slowdown(tokens), lambda: self._finish(on_end))

    def _finish(self, on_end):
        self._stepping = False
        on_end()
        if not self._stepping:  # What the step's end brought may have begun the next.
            self._step()


class Generator(Replica):
    """Decodes every running sequence in each step, and gives prompts what is left of it, the oldest first."""

    def __init__(self, *args):
        super().__init__(*args)
        self._waiting = collections.deque()
        self._prompts = collections.deque()  # Running, not all of the prompt cached.
        self._decoding = []                  # Heap of (the step in which it ends, order, sequence).
        self._order = itertools.count()
        self._num_steps = 0
        self._keys = 0                       # Tokens of those that decode.

    def add(self, prompt_tokens, new_tokens, on_end):
        self._waiting.append(Sequence(prompt_tokens, prompt_tokens, new_tokens, on_end))
        if not self._stepping:
            self._step()

    def _step(self):
        while self._waiting and len(self._prompts) + len(self._decoding) < MAX_SEQUENCES:
            self._prompts.append(self._waiting.popleft())
        decoding = len(self._decoding)
        room = MAX_STEP_TOKENS - decoding
        if decoding and self._prompts:
            while room > MIN_PREFILL_TOKENS and self.model.step(decoding + room, decoding, self._keys) > TARGET_STEP_SECONDS:
                room = max(MIN_PREFILL_TOKENS, room // 2)
        dealt = []
        for sequence in self._prompts:
            share = min(sequence.prompt_left, room)
            if share == 0:
                break
            room -= share
            dealt.append((sequence, share))
        tokens = decoding + sum(share for _, share in dealt)
        self.max_kv_tokens = max(self.max_kv_tokens, self._keys + sum(each.length for each in self._prompts))
        if tokens:
            num_choosing = decoding + sum(share == sequence.prompt_left for sequence, share in dealt)
            self._begin(tokens, max(1, num_choosing), self._keys + decoding, lambda: self._end(decoding, dealt))

    def _end(self, decoding, dealt):
        self._num_steps += 1
        self._keys += decoding
        num_chosen, ended = decoding, []
        for sequence, share in dealt:
            sequence.prompt_left -= share
            if sequence.prompt_left:
                continue
            self._prompts.popleft()
            num_chosen += 1
            sequence.length += 1
            self._keys += sequence.length
            end = self._num_steps + sequence.new_tokens - 1
            heapq.heappush(self._decoding, (end, next(self._order), sequence))
        while self._decoding and self._decoding[0][0] <= self._num_steps:
            sequence = heapq.heappop(self._decoding)[2]
            sequence.length += sequence.new_tokens - 1
            self._keys -= sequence.length
            ended.append(sequence)
        self._on_tokens(num_chosen)
        for sequence in ended:
            sequence.on_end()


class Classifier(Replica):
    """Batches whatever waits, in the order in which it came."""

    def __init__(self, *args):
        super().__init__(*args)
        self._waiting = collections.deque()

    def add(self, tokens, on_end):
        self._waiting.append((tokens, on_end))
        if not self._stepping:
            self._step()

    def _step(self):
        rows, tokens = [], 0
        while self._waiting and len(rows) < MAX_SEQUENCES and (
                not rows or tokens + self._waiting[0][0] <= MAX_STEP_TOKENS):
            rows.append(self._waiting.popleft())
            tokens += rows[-1][0]
        if rows:
            self._begin(tokens, 1, sum(row[0] ** 2 for row in rows), lambda: self._end(rows))

    @staticmethod
    def _end(rows):
        for _, on_end in rows:
            on_end()


class Graph:
    """Generators side by side, each of whose texts the classifier scores; the reply is there when the last score is."""

    def __init__(self, profile, replicas, num_shared_cores=None, seed=1):
        """`replicas`: how many of each runner. `num_shared_cores`: of the one machine on which all of them and the
        gateway are; without it each has cores of its own, and there are gateways enough."""
        self.events = Events()
        self._profile, self._random = profile, random.Random(seed)
        shared = Machine(self.events, num_shared_cores) if num_shared_cores else None
        self._gateway = Process(shared) if shared else None
        self.runners = {}
        for name, model in profile.models.items():
            kind = Classifier if model.classifier else Generator
            self.runners[name] = [self._new_replica(kind, model, shared) for _ in range(replicas[name])]
        self._classifier = next(name for name, model in profile.models.items() if model.classifier)
        self.reply_seconds = []

    def _new_replica(self, kind, model, shared):
        if shared is None:
            return kind(model, Reserved(self.events), lambda _: None)
        sender = Process(shared)

        def on_tokens(count):
            sender.add(self._profile.runner_per_token * count)
            self._gateway.add(self._profile.gateway_per_token * count)
        return kind(model, shared, on_tokens)

    def _choose(self, runner, tokens):
        replicas = self.runners[runner]
        chosen = min(self._random.sample(replicas, min(2, len(replicas))), key=lambda each: each.outstanding_tokens)
        chosen.outstanding_tokens += tokens
        return chosen

    def run(self, requests):
        """Seconds of each reply, in the order in which they came."""
        for request in requests:
            self.events.at(request.arrival, lambda request=request: self._on_arrival(request))
        self.events.run()
        return self.reply_seconds

    def _on_arrival(self, request):
        if self._gateway:
            self._gateway.add(self._profile.gateway_per_request, lambda: self._generate(request))
        else:
            self._generate(request)

    def _generate(self, request):
        open_texts = len(self.runners) - 1
        length = request.prompt_tokens + request.new_tokens

        def on_text(replica):
            replica.outstanding_tokens -= length
            classifier = self._choose(self._classifier, length)
            classifier.add(length, lambda: on_score(classifier))

        def on_score(classifier):
            nonlocal open_texts
            classifier.outstanding_tokens -= length
            open_texts -= 1
            if open_texts == 0:
                self.reply_seconds.append(self.events.now - request.arrival)

        for name in self.runners:
            if name != self._classifier:
                replica = self._choose(name, length)
                replica.add(request.prompt_tokens, request.new_tokens, lambda replica=replica: on_text(replica))


def quantile(values, q):
    return sorted(values)[min(len(values) - 1, int(q * len(values)))]
