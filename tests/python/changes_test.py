"""What a reload looks at."""
import os
import pathlib
import tempfile
import unittest

from chorus import _changes
from chorus._changes import ChangeWatch


class FilesTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def put(self, name, text=""):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def look(self):
        return _changes.look_at_files(self.folder)

    def test_python_files_of_the_folder(self):
        for name in ("service.py", "a/b/other.py", "notes.txt", ".git/hook.py", "a/__pycache__/other.py",
                     "venv/pyvenv.cfg", "venv/lib/module.py", "node_modules/x/y.py"):
            self.put(name)
        (self.folder / "loop").symlink_to(self.folder, target_is_directory=True)
        (self.folder / "gone.py").symlink_to("nowhere")
        self.assertEqual({"service.py", "a/b/other.py"}, set(self.look()))
        self.assertEqual({}, _changes.look_at_files(self.folder / "none"))

    def test_a_file_differs_when_it_changes(self):
        path = self.put("service.py", "1")
        first = self.look()
        self.assertEqual(first, self.look())
        stat = path.stat()
        self.put("new", "2").rename(path)  # Another file of the same size and date.
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        self.assertNotEqual(first, self.look())

    def test_models(self):
        for version in ("v1", "v2"):
            self.put(f"m/{version}/config.json", "{}")
        self.put("m/latest", "v1\n")
        asked = {"m": str(self.folder / "m/v1"), "m:latest": str(self.folder / "m/v1"), "m:v1": str(self.folder / "m/v1")}
        first = _changes.look_at_models(asked)
        self.assertEqual({_changes.state_of_model(self.folder / "m/v1")}, set(first.values()))
        self.put("m/v1/manifest.json", "labels")
        self.assertEqual(first, _changes.look_at_models(asked))
        self.put("m/latest", "v2\n")
        second = _changes.look_at_models(asked)
        self.assertEqual(["m", "m:latest"], [tag for tag in asked if first[tag] != second[tag]])
        self.put("m/v1/config.json", "{ }")
        self.assertNotEqual(second["m:v1"], _changes.look_at_models(asked)["m:v1"])
        (self.folder / "m/latest").unlink()  # As it is while a version is deleted.
        self.assertEqual(set(asked), set(_changes.look_at_models(asked)))


class WatchTest(unittest.TestCase):
    def test_takes_what_was_seen_twice(self):
        """As base/change_watch.h's example."""
        watch = ChangeWatch({"": "A"})
        taken = [watch.see({"": state}, asked=False) for state in "ABBBCBAA"]
        self.assertEqual([False, False, True, False, False, False, False, True], taken)
        self.assertTrue(watch.see({"": "A"}, asked=True))

    def test_describe(self):
        before = {"a.py": "1", "b.py": "1", "c.py": "1", "d.py": "1"}
        self.assertEqual("a.py has changed", _changes.describe(before, {**before, "a.py": "2"}))
        self.assertEqual("e.py has changed", _changes.describe(before, {**before, "e.py": "1"}))
        self.assertEqual("a.py and b.py have changed", _changes.describe(before, {"c.py": "1", "d.py": "1"}))
        self.assertEqual("a.py, b.py, c.py and 1 more have changed", _changes.describe(before, {}))


if __name__ == "__main__":
    unittest.main()
