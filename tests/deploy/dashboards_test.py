#!/usr/bin/python3
"""Every query of every dashboard, and every rule of Prometheus, is valid and asks for metrics and labels that exist;
and every panel says what it shows."""

import json
import pathlib
import re
import subprocess
import tempfile
import unittest

import metrics

DASHBOARDS = metrics.ROOT / "deploy" / "grafana" / "dashboards"
LABEL_VALUES = re.compile(r"label_values\((.+), *(\w+)\)")


def load_dashboards():
    return {path.name: json.loads(path.read_text()) for path in sorted(DASHBOARDS.glob("*.json"))}


def fill_in(expression):
    """The expression as Grafana would send it."""
    return re.sub(r"\$\w+", ".*", expression.replace("$__rate_interval", "1m"))


def queries(dashboard):
    """Where each is, and its expression."""
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield f"{panel['title']} {target['refId']}", fill_in(target["expr"])
    for annotation in dashboard["annotations"]["list"]:
        yield f"annotation {annotation['name']}", fill_in(annotation["expr"])


class DashboardsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dashboards = load_dashboards()
        cls.series = metrics.find_series()

    def test_there_are_two(self):
        self.assertEqual({d["uid"] for d in self.dashboards.values()}, {"chorus-service", "chorus-runners"})

    def test_queries_name_what_exists(self):
        for file, dashboard in self.dashboards.items():
            for where, expression in queries(dashboard):
                with self.subTest(file=file, query=where):
                    self.assertEqual(metrics.errors_in(expression, self.series), [])

    def test_rules_name_what_exists(self):
        for rule in metrics.load_rules():
            with self.subTest(rule=rule.get("record", rule.get("alert"))):
                self.assertEqual(metrics.errors_in(rule["expr"], self.series), [])

    def test_variables_name_what_exists(self):
        for file, dashboard in self.dashboards.items():
            for variable in dashboard["templating"]["list"]:
                if variable["type"] != "query":
                    continue
                with self.subTest(file=file, variable=variable["name"]):
                    selector, label = LABEL_VALUES.fullmatch(variable["query"]["query"]).groups()
                    self.assertEqual(metrics.errors_in(fill_in(f"count by ({label}) ({selector})"), self.series, ranges=False), [])

    def test_queries_are_valid(self):
        for file, dashboard in self.dashboards.items():
            rules = [{"record": "query", "expr": expression, "labels": {"where": where}} for where, expression in queries(dashboard)]
            with self.subTest(file=file), tempfile.TemporaryDirectory() as folder:
                path = pathlib.Path(folder) / "queries.yml"
                path.write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}))
                checked = subprocess.run(["promtool", "check", "rules", "--lint=none", path], capture_output=True, text=True)
                self.assertEqual(checked.returncode, 0, checked.stderr)

    def test_variables_are_declared_and_used(self):
        for file, dashboard in self.dashboards.items():
            with self.subTest(file=file):
                declared = {variable["name"] for variable in dashboard["templating"]["list"]}
                used = set(re.findall(r"\$\{?([a-z]\w*)", json.dumps(dashboard)))
                self.assertEqual(declared, used)
                self.assertIn("datasource", declared)

    def test_panels_explain_themselves(self):
        for file, dashboard in self.dashboards.items():
            ids = [panel["id"] for panel in dashboard["panels"]]
            self.assertEqual(len(ids), len(set(ids)), file)
            for panel in dashboard["panels"]:
                if panel["type"] == "row":
                    continue
                with self.subTest(file=file, panel=panel["title"]):
                    self.assertRegex(panel["description"], r"\.$")
                    self.assertTrue(panel["fieldConfig"]["defaults"]["unit"])
                    self.assertEqual(panel["datasource"]["uid"], "${datasource}")
                    for target in panel["targets"]:
                        self.assertEqual(target["datasource"]["uid"], "${datasource}")
                        self.assertTrue(target["legendFormat"] or panel["type"] == "stat")

    def test_panels_do_not_overlap(self):
        for file, dashboard in self.dashboards.items():
            taken = {}
            for panel in dashboard["panels"]:
                grid = panel["gridPos"]
                with self.subTest(file=file, panel=panel["title"]):
                    self.assertLessEqual(grid["x"] + grid["w"], 24)
                    for cell in ((x, y) for x in range(grid["x"], grid["x"] + grid["w"])
                                 for y in range(grid["y"], grid["y"] + grid["h"])):
                        self.assertEqual(taken.setdefault(cell, panel["id"]), panel["id"])


if __name__ == "__main__":
    unittest.main()
