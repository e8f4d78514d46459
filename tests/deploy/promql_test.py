#!/usr/bin/python3
"""promql.py and metrics.py: what they read, and what they find wrong."""

import unittest

import metrics
import promql

SERIES = {
    "a_total": metrics.Metric("counter", frozenset({"job", "reason"})),
    "b": metrics.Metric("gauge", frozenset({"job", "model"})),
    "job:a:rate5m": metrics.Metric("recorded", frozenset({"job"})),
}


class ReadTest(unittest.TestCase):
    def test_selectors(self):
        for expression, selectors, grouping in [
            ("b", [("b", (), False)], []),
            ("1e-9 + 5m * b", [("b", (), False)], []),
            ('rate(a_total{reason="x, y=1", job!~"b|c"}[5m])', [("a_total", ("reason", "job"), True)], []),
            ("sum by (job, le) (b) / on (model) group_left () job:a:rate5m",
             [("b", (), False), ("job:a:rate5m", (), False)], ["job", "le", "model"]),
            ("sum(b) by (job) > 3 and absent(b offset 5m) or vector(0)", [("b", (), False)] * 2, ["job"]),
            ("histogram_quantile(0.95, rate(a_total[$__rate_interval]))", [("a_total", (), True)], []),
        ]:
            with self.subTest(expression):
                self.assertEqual(promql.read(expression), ([promql.Selector(*s) for s in selectors], grouping))


class ErrorsTest(unittest.TestCase):
    def test_finds(self):
        for expression, errors in [
            ("sum by (job) (rate(a_total[5m])) / sum by (job) (b)", []),
            ("c", ["there is no metric c"]),
            ("a_total", ["a_total only ever grows: it wants a rate"]),
            ('b{reason="x"}', ["b has no label reason"]),
            ("sum by (reason) (b)", ["no metric of it has the label reason"]),
            ("job:a:rate5m", []),
        ]:
            with self.subTest(expression):
                self.assertEqual(metrics.errors_in(expression, SERIES), errors)


class SourcesTest(unittest.TestCase):
    def test_metrics_of_the_sources(self):
        registered = metrics.find_registered()
        self.assertEqual(registered["chorus_kv_cache_used_ratio"].kind, "gauge")
        self.assertEqual(registered["chorus_step_seconds"].kind, "histogram")
        self.assertLessEqual({"endpoint", "http_response_code"}, registered["bentoml_api_server_request_total"].labels)
        self.assertLessEqual({"model", "reason"}, registered["chorus_batch_release_total"].labels)
        self.assertIn("model", registered["chorus_rejected_total"].labels)  # The runner's; the gateway's has none.
        self.assertNotIn("model", registered["bentoml_api_server_request_total"].labels)


if __name__ == "__main__":
    unittest.main()
