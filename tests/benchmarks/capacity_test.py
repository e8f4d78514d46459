#!/usr/bin/env python3
"""The capacity model, against what queueing theory and arithmetic say.

usage: capacity_test.py BUILD_DIR
"""
import argparse
import dataclasses
import pathlib
import random
import re
import statistics
import subprocess
import sys
import tempfile
import unittest

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "benchmarks/capacity"
sys.path.insert(0, str(SCRIPTS))
from costs import KNOTS, Model, Profile  # noqa: E402
from plan import work_per_request  # noqa: E402
from simulator import Request, poisson, simulate, token_range  # noqa: E402

BUILD = pathlib.Path(sys.argv.pop(1))


def model(seconds=0.01, per_token=0.0, per_choice=0.0, per_key=0.0, beside=1.0, classifier=False, **further):
    return Model([seconds + per_token * knot for knot in KNOTS], [per_choice * knot for knot in KNOTS], per_key,
                 [beside] * len(KNOTS), classifier, 0, **further)


def profile(generators, classifier):
    models = {f"g{i}": each for i, each in enumerate(generators)} | {"c": classifier}
    return Profile("", "int8", 1, models, 0.0, 0.0, 0.0)


class ProfileTest(unittest.TestCase):
    def test_a_profile_is_read_as_it_was_saved(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "profile.json"
            saved = profile([model()], model(classifier=True))
            saved.save(path)
            self.assertEqual(Profile.load(path), saved)

    def test_models_of_another_profile_take_their_place(self):
        cpu, on_gpu = profile([model(), model(0.02)], model(classifier=True)), model(0.001, device="a card")
        gpu = dataclasses.replace(cpu, models={"g1": on_gpu})
        both = cpu.with_models_of(gpu)
        self.assertEqual(list(both.models), ["g0", "g1", "c"])
        self.assertEqual((both.models["g0"], both.models["g1"]), (cpu.models["g0"], on_gpu))
        with self.assertRaisesRegex(ValueError, "no such runner as g7: there are g0, g1, c"):
            cpu.with_models_of(dataclasses.replace(cpu, models={"g7": on_gpu}))


def run(generators, requests, replicas=1, classifier=model(0.0, classifier=True), **options):
    """Seconds of each reply."""
    costs = profile(generators, classifier)
    return simulate(BUILD, costs, {name: 1 if name == "c" else replicas for name in costs.models}, requests, **options).seconds


class MachineTest(unittest.TestCase):
    def test_work_shares_the_cores_evenly(self):
        # (cores, new tokens of texts on a replica each, when they end): a second a token.
        for cores, texts, ends in ((1, [1], [1.0]), (2, [1, 1], [1.0, 1.0]), (1, [1, 1], [2.0, 2.0]), (1, [1, 2], [2.0, 3.0])):
            seconds = run([model(1.0)], [Request(0, 1, new) for new in texts], replicas=len(texts), shared_cores=cores)
            for actual, expected in zip(seconds, ends, strict=True):
                self.assertAlmostEqual(actual, expected)
        self.assertAlmostEqual(run([model(1.0)] * 3, [Request(0, 1, 1)], shared_cores=2)[0], 1.5)

    def test_company_slows_down(self):
        self.assertAlmostEqual(run([model(1.0, beside=1.25)] * 2, [Request(0, 1, 1)], shared_cores=2)[0], 1.25)
        self.assertAlmostEqual(run([model(1.0, beside=1.25)], [Request(0, 1, 1)], shared_cores=2)[0], 1.0)
        self.assertAlmostEqual(run([model(1.0, beside=1.25)], [Request(0, 1, 1)])[0], 1.25)


class GeneratorTest(unittest.TestCase):
    def ends(self, costs, requests):
        requests = [Request(*request) for request in requests]
        return [request.arrival + seconds for request, seconds in zip(requests, run([costs], requests))]

    def test_a_text_takes_a_step_for_its_prompt_and_one_for_each_token_after_the_first(self):
        self.assertAlmostEqual(self.ends(model(), [(0, 5, 10)])[0], 0.1)
        self.assertAlmostEqual(self.ends(model(), [(0, 5, 1)])[0], 0.01)

    def test_a_newcomer_joins_at_the_next_step_and_texts_share_steps(self):
        first, second = self.ends(model(), [(0, 5, 10), (0.005, 5, 10)])
        self.assertAlmostEqual(first, 0.1)
        self.assertAlmostEqual(second, 0.11)

    def test_no_more_run_than_there_are_slots(self):
        ends = self.ends(model(), [(0, 1, 10)] * 33)
        self.assertAlmostEqual(max(ends[1:-1]), 0.11)  # The first was alone in its first step.
        self.assertAlmostEqual(ends[-1], 0.20)

    def test_the_slots_are_those_of_the_profile(self):
        ends = self.ends(model(max_sequences=64), [(0, 1, 10)] * 33)
        self.assertAlmostEqual(max(ends), 0.11)

    def test_long_prompts_are_cut_where_others_decode(self):
        # Steps of n tokens take n ms, which the scheduler has learnt by the time the long prompt comes. Beside a text
        # that decodes 99 of its tokens are the most in a step, so that it has five, each of which decodes a token too.
        costs = model(0.0, per_token=0.001)
        short = [(0.03 * i, 8 * i, 1) for i in range(1, 9)]
        *_, long = self.ends(costs, [(0, 1, 2000), *short, (1, 400, 1)])
        self.assertGreater(long, 1 + 0.4 + 4 * 0.001)
        self.assertLess(long, 1 + 0.4 + 7 * 0.001)

    def test_between_knots_a_step_costs_by_a_straight_line(self):
        for tokens in (1, 3, 8, 100, 511, 512):
            self.assertAlmostEqual(self.ends(model(0.0, per_token=0.001), [(0, tokens, 1)])[0], tokens * 0.001)

    def test_sequences_that_get_a_token_cost(self):
        # The prompt's two steps, of 512 and 8 tokens, of which the second chooses; then two of decoding.
        self.assertAlmostEqual(self.ends(model(per_choice=0.001), [(0, 520, 3)])[0], 4 * 0.011)

    def test_keys_cost_as_they_grow(self):
        # Three decoding steps over 6, 7 and 8 keys, after the prompt's own step.
        self.assertAlmostEqual(self.ends(model(per_key=0.001), [(0, 5, 4)])[0], 4 * 0.01 + 0.001 * (6 + 7 + 8))


class GraphTest(unittest.TestCase):
    def test_the_reply_comes_with_the_score_of_the_slowest_branch(self):
        seconds = run([model(0.01), model(0.03)], [Request(0, 5, 10)], classifier=model(0.002, classifier=True))
        self.assertAlmostEqual(seconds[0], 0.302)

    def test_texts_are_scored_together(self):
        # Two end at 0.11 while the first is scored; then they are one batch, in which pairs of tokens count by text.
        classifier = model(0.05, per_token=0.001, per_key=0.0001, classifier=True)
        first, *others = run([model()], [Request(0, 1, 10), *[Request(0.001, 1, 10)] * 2], classifier=classifier)
        self.assertAlmostEqual(first, 0.1 + 0.05 + 0.001 * 11 + 0.0001 * 11**2)
        for second in others:
            self.assertAlmostEqual(second, first - 0.001 + 0.05 + 0.001 * 22 + 0.0001 * 2 * 11**2)

    def test_one_text_at_a_time_waits_as_in_an_m_d_1_queue(self):
        # Mean wait of M/D/1: rho / (2 (1 - rho)) of the service time.
        for rho in (0.3, 0.6, 0.8):
            times = run([model(1.0)], poisson(rho, 30000, (1, 1), (1, 1), random.Random(3)), max_sequences=1)
            self.assertAlmostEqual(statistics.mean(times) - 1, rho / (2 * (1 - rho)), delta=0.05 / (1 - rho) * rho)

    def test_more_replicas_of_the_bottleneck_shorten_replies(self):
        requests = poisson(20, 30, (1, 1), (10, 10), random.Random(5))
        means = [statistics.mean(run([model(0.0, per_token=0.004)], requests, replicas=count,
                                     classifier=model(0.001, classifier=True))) for count in (1, 2, 4)]
        self.assertGreater(means[0], 1.1 * means[1])
        self.assertGreater(means[1], 1.1 * means[2])

    def test_the_less_loaded_of_two_replicas_is_taken(self):
        outcome = simulate(BUILD, profile([model(0.01)], model(0.0, classifier=True)), {"g0": 2, "c": 1},
                           [Request(0, 1, 100), Request(0.001, 1, 100)])
        self.assertEqual(outcome.kv_tokens, {"g0": [100, 100]})

    def test_the_gateway_shares_the_machine(self):
        costs = dataclasses.replace(profile([model(0.01)], model(0.01, classifier=True)), gateway_per_request=0.005)
        seconds = simulate(BUILD, costs, {"g0": 1, "c": 1}, [Request(0, 5, 1)], shared_cores=1).seconds
        self.assertAlmostEqual(seconds[0], 0.025)


class PlanTest(unittest.TestCase):
    def test_the_work_of_a_request_is_that_among_many(self):
        args = argparse.Namespace(build=BUILD, prompt_tokens=(1, 1), new_tokens=(10, 10), seed=1)
        costs = profile([model(0.01), model(0.02)], model(0.03, classifier=True))
        for name, seconds in (("g0", 10 * 0.01 / 32), ("g1", 10 * 0.02 / 32), ("c", 2 * 0.03 / 32)):
            self.assertAlmostEqual(work_per_request(costs, name, args), seconds, delta=0.03 * seconds)


    def test_models_on_a_gpu_are_counted_in_gpus(self):
        # These profiles are made up: a generator a hundred times as fast on a card as on the CPU.
        cpu = profile([model(0.01, max_sequences=8), model(0.01)], model(0.001, classifier=True))
        gpu = dataclasses.replace(cpu, models={"g0": model(0.0001, max_sequences=8, device="a made-up card")})
        with tempfile.TemporaryDirectory() as folder:
            paths = [pathlib.Path(folder) / name for name in ("cpu.json", "gpu.json")]
            for path, each in zip(paths, (cpu, gpu)):
                each.save(path)

            def plan(*flags):
                return subprocess.run([sys.executable, SCRIPTS / "plan.py", "--build", BUILD, "--profile", paths[0], "--rate", "200",
                                       "--seconds", "5", "--min_replicas", "1", "--p95", "2", *flags], capture_output=True, text=True,
                                      check=True).stdout

            alone, with_gpu = plan(), plan("--gpu_profile", paths[1])
        self.assertGreater(int(re.search(r"^\| g0 \| (\d+) \|", alone, re.M)[1]), 5)
        self.assertNotIn("GPU", alone)
        self.assertRegex(with_gpu, r"(?m)^\| g0 \(a made-up card\) \| 1 \|")
        self.assertIn("\n1 GPUs, one for each replica", with_gpu)


class WorkloadTest(unittest.TestCase):
    def test_requests_come_at_the_rate_and_in_the_ranges(self):
        requests = poisson(50, 200, (5, 40), (16, 123), random.Random(1))
        self.assertAlmostEqual(len(requests) / 200, 50, delta=2)
        self.assertEqual((min(r.prompt_tokens for r in requests), max(r.prompt_tokens for r in requests)), (5, 40))
        self.assertEqual((min(r.new_tokens for r in requests), max(r.new_tokens for r in requests)), (16, 123))

    def test_ranges_are_read(self):
        self.assertEqual(token_range("16"), (16, 16))
        self.assertEqual(token_range("5-40"), (5, 40))


if __name__ == "__main__":
    unittest.main()
