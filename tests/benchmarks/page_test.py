#!/usr/bin/env python3
"""The page that benchmarks/run.py makes, and how its engines take turns."""
import json
import pathlib
import sys
import tempfile
import textwrap
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "benchmarks"))
import page  # noqa: E402
import run  # noqa: E402
import table  # noqa: E402
import turns  # noqa: E402


def line(engine, precision, rate, what="decode", length=123, batch=1, model="gpt2", rss_mib=100):
    return {"engine": engine, "precision": precision, "model": model, "what": what, "length": length, "batch": batch,
            "rate": rate, "seconds": [1.0], "rss_mib": rss_mib}


def results(*lines, failed=(), kernels="avx2"):
    about = {"date": "2030-01-02", "cpu": "A CPU", "cores": 2, "threads": 2, "kernels": kernels, "chorus": "abc",
             "turns": 5, "max_seconds": 120.0, "command": "./dev bench", "minutes": 7, "versions": {"peer": "1.2"},
             "others_percent": 0.4, "stolen_percent": 1.5}
    return {"about": about, "measured": list(lines), "failed": list(failed)}


class TableTest(unittest.TestCase):
    def test_the_fastest_of_each_class_stand_beside_each_other(self):
        rows = table.beside_fastest_peer([
            line("chorus", "float32", 30), line("chorus", "bfloat16", 60), line("chorus", "int8", 150),
            line("a", "fp32", 20), line("a", "bf16", 25), line("b", "f16", 40), line("b", "q8_0", 100)])
        self.assertEqual(rows[2:], ["| gpt2 | decode, 1 at once | bfloat16 | 60.0 | b f16 | 40.0 | 1.50 |",
                                    "| gpt2 | decode, 1 at once | int8 | 150 | b q8_0 | 100 | 1.50 |"])

    def test_a_row_that_loses_stays(self):
        rows = table.beside_fastest_peer([line("chorus", "int8", 50), line("a", "int8-fp32", 40),
                                          line("a", "int8-bf16", 200), line("b", "int8", 100)])
        self.assertEqual(rows[2:], ["| gpt2 | decode, 1 at once | int8 | 50.0 | a int8-bf16 | 200 | 0.25 |"])

    def test_eight_bits_do_not_stand_beside_more(self):
        self.assertEqual(table.beside_fastest_peer([line("chorus", "int8", 50), line("a", "fp32", 40)])[2:], [])

    def test_rows_come_by_model_and_work_with_the_whole_graph_last(self):
        lines = [line(engine, "int8", 8, what, length, batch, model) for engine in ("chorus", "a")
                 for what, length, batch, model in (
                     ("graph", 0, 8, "graph"), ("prefill", 512, 1, "gpt2"), ("decode", 123, 32, "gpt2"),
                     ("decode", 123, 8, "gpt2"), ("classify", 128, 8, "bert"), ("classify", 16, 8, "bert"))]
        self.assertEqual([row.split(" | ")[1] for row in table.beside_fastest_peer(lines)[2:]], [
            "classify, 8 of 16 tokens", "classify, 8 of 128 tokens", "decode, 8 at once", "decode, 32 at once",
            "prefill, 512 tokens", "whole graph, 8 at once"])

    def test_every_engine_shows_in_each_width_of_weights(self):
        rows = table.every_engine([line("chorus", "float32", 30), line("a", "fp32", 20), line("a", "bf16", 25),
                                   line("b", "f16", 40), line("b", "bf16", 4.321)])
        self.assertEqual(rows, ["| model | work | bits | chorus | a | b |", "|---|---|---|---|---|---|",
                                "| gpt2 | decode, 1 at once | 32 | 30.0 float32 | 20.0 fp32 |  |",
                                "| gpt2 | decode, 1 at once | 16 |  | 25.0 bf16 | 40.0 f16 |"])

    def test_memory_is_the_most_that_the_leanest_precision_held(self):
        rows = table.memory([line("chorus", "int8", 1, rss_mib=90), line("chorus", "int8", 1, batch=8, rss_mib=95),
                             line("a", "int8-fp32", 1, rss_mib=300), line("a", "int8-bf16", 1, rss_mib=200)])
        self.assertEqual(rows[2:], ["| gpt2 | 8 | 95 int8 | 200 int8-bf16 |"])

    def test_the_work_of_a_run(self):
        amounts = {text: table.amount(run.parse_work(text))
                   for text in ("decode:8", "prefill:512", "classify:8x128", "graph:32")}
        self.assertEqual(amounts, {"decode:8": 984, "prefill:512": 512, "classify:8x128": 8, "graph:32": 32})


class PageTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def make(self, made):
        path = self.folder / "results.json"
        path.write_text(json.dumps(made))
        return page.make(path, self.folder / "pages").read_text()

    def test_a_page_names_the_machine_and_tells_what_was_not_measured(self):
        failed = {"engine": "other", "model": "gpt2", "precision": "fp32", "why": "no | memory"}
        text = self.make(results(line("chorus", "int8", 50), line("peer", "int8", 100), failed=[failed]))
        for words in ("# Performance on AVX2", "A CPU", "2030-01-02", "kernels avx2", "peer 1.2", "| 0.50 |",
                      "| other | gpt2 | fp32 | no / memory |"):
            self.assertIn(words, text)

    def test_what_is_written_by_hand_stays(self):
        pages = self.folder / "pages"
        pages.mkdir()
        (pages / "avx2.md").write_text("# Title\n\nWords before.\n\n## Another section\nWords after.\n")
        self.make(results(line("chorus", "int8", 50), line("peer", "int8", 100)))
        text = self.make(results(line("chorus", "int8", 70), line("peer", "int8", 100)))
        self.assertEqual(text.count(page.BEGIN), 1)
        self.assertIn("| 0.70 |", text)
        self.assertNotIn("| 0.50 |", text)
        self.assertTrue(text.startswith("# Title\n\nWords before.\n\n" + page.BEGIN))
        self.assertTrue(text.endswith(page.END + "\n\n## Another section\nWords after.\n"), text[-200:])

    def test_instruction_sets_have_pages_of_their_own(self):
        self.make(results(line("chorus", "int8", 50)))
        self.make(results(line("chorus", "int8", 50), kernels="avx512_bf16"))
        self.assertEqual(sorted(each.name for each in (self.folder / "pages").iterdir()),
                         ["avx2.json", "avx2.md", "avx512.json", "avx512.md"])


FAKE = textwrap.dedent("""
    import sys, time
    print("words of its own")
    print('{"version": "1"}', flush=True)
    for line in iter(sys.stdin.readline, ""):
        open(sys.argv[1], "a").write(sys.argv[2] + " " + line)
        if sys.argv[3] == "dies":
            sys.exit("out of order")
        print('{"seconds": %s, "runs": 1}' % sys.argv[3], flush=True)
""")


class TurnsTest(unittest.TestCase):
    def rotate(self, *engines, num_turns=3, max_seconds=100.0):
        """({engine and precision: seconds}, the order of the turns, what failed)"""
        failed = []
        with tempfile.NamedTemporaryFile("r") as log:
            started = []
            for name, precision, seconds in engines:
                command = [sys.executable, "-c", FAKE, log.name, f"{name} {precision}", seconds]
                started.append(turns.Engine(name, precision, command))
            rotation = turns.Rotation(started, num_turns, max_seconds,
                                      lambda engine, why: failed.append((f"{engine.name} {engine.precision}", why)))
            measured = rotation.measure(table.Work("decode", 123, 8))
            for engine in rotation.engines:
                engine.close()
            order = [tuple(each.split()[:4]) for each in log]
        return {f"{each.name} {each.precision}": seconds for each, seconds in measured.items()}, order, failed

    def test_engines_alternate_after_a_short_warm_up(self):
        measured, order, _ = self.rotate(("chorus", "int8", "1.0"), ("a", "int8", "2.0"), num_turns=2)
        self.assertEqual(measured, {"chorus int8": [1.0, 1.0], "a int8": [2.0, 2.0]})
        self.assertEqual([(each[0], each[3]) for each in order],
                         [("chorus", "8"), ("a", "8"), *[("chorus", "123"), ("a", "123")] * 2])

    def test_a_peers_slow_precision_has_one_turn(self):
        measured, _, _ = self.rotate(("chorus", "float32", "1"), ("chorus", "bfloat16", "9"), ("a", "fp32", "2"),
                                     ("a", "bf16", "4"), ("b", "fp32", "8"))
        self.assertEqual({name: len(seconds) for name, seconds in measured.items()},
                         {"chorus float32": 3, "chorus bfloat16": 3, "a fp32": 3, "a bf16": 1, "b fp32": 3})

    def test_a_peers_far_slower_precision_is_left_out(self):
        measured, _, skipped = self.rotate(("a", "fp32", "2"), ("a", "bf16", "10"), ("chorus", "float32", "1"),
                                           ("chorus", "bfloat16", "9"), num_turns=1)
        self.assertEqual(list(measured), ["a fp32", "chorus float32", "chorus bfloat16"])
        self.assertEqual(skipped, [("a bf16", "decode, 8 at once: 5 times as slow as another of its precisions")])

    def test_an_engine_has_no_turn_past_its_time(self):
        measured, _, _ = self.rotate(("chorus", "int8", "1"), ("a", "int8", "60"), num_turns=4)
        self.assertEqual({name: len(seconds) for name, seconds in measured.items()}, {"chorus int8": 4, "a int8": 2})

    def test_the_others_go_on_without_one_that_ends(self):
        measured, _, failed = self.rotate(("chorus", "int8", "1"), ("a", "int8", "dies"))
        self.assertEqual(measured, {"chorus int8": [1.0] * 3})
        self.assertEqual(failed, [("a int8", "out of order")])

    def test_an_engine_that_does_not_start_tells_why(self):
        with self.assertRaisesRegex(turns.EngineFailed, "no such file"):
            turns.Engine("a", "int8", [sys.executable, "-c", "import sys; sys.exit('no such file')"])


if __name__ == "__main__":
    turns.SETTLE_SECONDS = 0
    unittest.main()
