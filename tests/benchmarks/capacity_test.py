#!/usr/bin/env python3
"""The capacity model's simulator, against what queueing theory and arithmetic say."""
import pathlib
import random
import statistics
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "benchmarks/capacity"))
import simulator  # noqa: E402
from costs import KNOTS, Model, Profile, interpolate  # noqa: E402
from simulator import Events, Generator, Graph, Machine, Request, Reserved  # noqa: E402
from workload import poisson, token_range  # noqa: E402


def model(seconds=0.01, per_token=0.0, per_choice=0.0, per_key=0.0, classifier=False):
    return Model([seconds + per_token * knot for knot in KNOTS], [per_choice * knot for knot in KNOTS], per_key,
                 [1.0] * len(KNOTS), classifier, 0)


def profile(generators, classifier):
    models = {f"g{i}": each for i, each in enumerate(generators)} | {"c": classifier}
    return Profile("", "int8", 1, models, 0.0, 0.0, 0.0)


class StepCostsTest(unittest.TestCase):
    def test_between_knots_it_is_a_straight_line(self):
        values = [float(knot) for knot in KNOTS]
        for tokens in (1, 3, 8, 100, 511, 512):
            self.assertAlmostEqual(interpolate(values, tokens), tokens)

    def test_a_profile_is_read_as_it_was_saved(self):
        import tempfile
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "profile.json"
            saved = profile([model()], model(classifier=True))
            saved.save(path)
            self.assertEqual(Profile.load(path), saved)


class MachineTest(unittest.TestCase):
    def test_work_shares_the_cores_evenly(self):
        # (cores, pieces of work, when each ends)
        for cores, work, ends in ((1, [1.0], [1.0]), (2, [1.0, 1.0], [1.0, 1.0]), (1, [1.0, 1.0], [2.0, 2.0]),
                                  (1, [1.0, 2.0], [2.0, 3.0]), (2, [1.0, 1.0, 1.0], [1.5, 1.5, 1.5])):
            events, ended = Events(), []
            machine = Machine(events, cores)
            for seconds in work:
                machine.run(seconds, 1.0, lambda: ended.append(events.now))
            events.run()
            for actual, expected in zip(ended, ends):
                self.assertAlmostEqual(actual, expected)

    def test_company_slows_down(self):
        events, ended = Events(), []
        machine = Machine(events, 2)
        for _ in range(2):
            machine.run(1.0, 1.25, lambda: ended.append(events.now))
        events.run()
        self.assertAlmostEqual(ended[-1], 1.25)


class GeneratorTest(unittest.TestCase):
    def ends(self, costs, requests):
        events, ended = Events(), {}
        generator = Generator(costs, Reserved(events), lambda _: None)
        for i, (at, prompt, new) in enumerate(requests):
            events.at(at, lambda i=i, prompt=prompt, new=new:
                      generator.add(prompt, new, lambda: ended.__setitem__(i, events.now)))
        events.run()
        return [ended[i] for i in range(len(requests))]

    def test_a_text_takes_a_step_for_its_prompt_and_one_for_each_token_after_the_first(self):
        self.assertAlmostEqual(self.ends(model(), [(0, 5, 10)])[0], 0.1)
        self.assertAlmostEqual(self.ends(model(), [(0, 5, 1)])[0], 0.01)

    def test_a_newcomer_joins_at_the_next_step_and_texts_share_steps(self):
        first, second = self.ends(model(), [(0, 5, 10), (0.005, 5, 10)])
        self.assertAlmostEqual(first, 0.1)
        self.assertAlmostEqual(second, 0.11)

    def test_no_more_run_than_there_are_slots(self):
        ends = self.ends(model(), [(0, 1, 10)] * (simulator.MAX_SEQUENCES + 1))
        self.assertAlmostEqual(max(ends[1:-1]), 0.11)  # The first was alone in its first step.
        self.assertAlmostEqual(ends[-1], 0.20)

    def test_long_prompts_are_cut_where_others_decode(self):
        # Steps of n tokens take n ms: 100 of them is the most beside a text that decodes, found by halving.
        costs = model(0.0, per_token=0.001)
        decoding, long = self.ends(costs, [(0, 1, 50), (0.0005, 400, 1)])
        self.assertGreater(long, 0.4)
        self.assertLess(decoding, 0.4 + 50 * 0.001 + 0.07)

    def test_sequences_that_get_a_token_cost(self):
        # The prompt's two steps, of 512 and 8 tokens, of which the second chooses; then two of decoding.
        self.assertAlmostEqual(self.ends(model(per_choice=0.001), [(0, 520, 3)])[0], 4 * 0.011)

    def test_keys_cost_as_they_grow(self):
        # Three decoding steps over 6, 7 and 8 keys, after the prompt's own step.
        self.assertAlmostEqual(self.ends(model(per_key=0.001), [(0, 5, 4)])[0], 4 * 0.01 + 0.001 * (7 + 8 + 9))


class GraphTest(unittest.TestCase):
    def test_the_reply_comes_with_the_score_of_the_slowest_branch(self):
        graph = Graph(profile([model(0.01), model(0.03)], model(0.002, classifier=True)), {"g0": 1, "g1": 1, "c": 1})
        self.assertAlmostEqual(graph.run([Request(0, 5, 10)])[0], 0.302)

    def test_one_text_at_a_time_waits_as_in_an_m_d_1_queue(self):
        # Mean wait of M/D/1: rho / (2 (1 - rho)) of the service time.
        slots, simulator.MAX_SEQUENCES = simulator.MAX_SEQUENCES, 1
        try:
            for rho in (0.3, 0.6, 0.8):
                graph = Graph(profile([model(1.0)], model(0.0, classifier=True)), {"g0": 1, "c": 1})
                times = graph.run(poisson(rho, 30000, (1, 1), (1, 1), random.Random(3)))
                self.assertAlmostEqual(statistics.mean(times) - 1, rho / (2 * (1 - rho)), delta=0.05 / (1 - rho) * rho)
        finally:
            simulator.MAX_SEQUENCES = slots

    def test_more_replicas_of_the_bottleneck_shorten_replies(self):
        costs = profile([model(0.0, per_token=0.004)], model(0.001, classifier=True))
        requests = poisson(20, 30, (1, 1), (10, 10), random.Random(5))
        means = [statistics.mean(Graph(costs, {"g0": count, "c": 1}).run(requests)) for count in (1, 2, 4)]
        self.assertGreater(means[0], 1.1 * means[1])
        self.assertGreater(means[1], 1.1 * means[2])

    def test_the_less_loaded_of_two_replicas_is_taken(self):
        graph = Graph(profile([model(0.01)], model(0.0, classifier=True)), {"g0": 2, "c": 1})
        graph.run([Request(0, 1, 100), Request(0.001, 1, 100)])
        self.assertEqual([replica.max_kv_tokens for replica in graph.runners["g0"]], [100, 100])

    def test_the_gateway_shares_the_machine(self):
        costs = profile([model(0.01)], model(0.01, classifier=True))
        busy = Profile(**{**costs.__dict__, "gateway_per_request": 0.005})
        self.assertAlmostEqual(Graph(busy, {"g0": 1, "c": 1}, num_shared_cores=1).run([Request(0, 5, 1)])[0], 0.025)


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
