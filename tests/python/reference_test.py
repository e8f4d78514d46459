"""What `chorus` passes to its program, what it serves itself, and where it finds programs."""
import contextlib
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import unittest.mock

from chorus import _programs
from chorus._reference import module_of, names_service
from chorus.exceptions import ProgramError


class ReferenceTest(unittest.TestCase):
    def setUp(self):
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        (folder / "package").mkdir()
        for name in ("service.py", "package/__init__.py", "package/inner.py"):
            (folder / name).touch()
        self.enterContext(contextlib.chdir(folder))
        self.folder = folder

    def test_names_service(self):
        for words in (["service:svc"], ["service.py:svc"], ["--port", "0", "service:svc"], ["package:svc"],
                      ["package.inner:svc"], ["package/inner.py:svc"], ["other:svc", "--working-dir", str(self.folder)]):
            with self.subTest(words=words):
                self.assertEqual("other" not in words[0], names_service(words))
        for words in ([], ["--port", "3000"], ["inference_graph:v1"], ["service"], ["other.py:svc"],
                      ["--host", "0.0.0.0", "bundle:v1"]):
            with self.subTest(words=words):
                self.assertFalse(names_service(words))
        self.assertEqual("package.inner", module_of("package/inner.py:svc"))


class ProgramsTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.enterContext(unittest.mock.patch.dict(os.environ))

    def program(self, folder, text):
        path = self.folder / folder / "chorus"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return str(path)

    def test_find(self):
        ours = self.program("ours", f"#!{sys.executable}\nfrom chorus.__main__ import main\n")
        real = self.program("real", "#!/bin/sh\necho real $*\n")
        os.environ.pop("CHORUS_BIN", None)
        os.environ["PATH"] = f"{self.folder}/ours:{self.folder}/real"
        self.assertEqual(real, _programs.find("chorus"))  # Not the command that looks for it.
        os.environ["PATH"] = str(self.folder / "ours")
        with self.assertRaisesRegex(ProgramError, "CHORUS_BIN"):
            _programs.find("chorus")
        os.environ["CHORUS_BIN"] = str(self.folder / "real")
        self.assertEqual(real, _programs.find("chorus"))
        with self.assertRaisesRegex(ProgramError, "no program runner_server"):
            _programs.find("runner_server")
        self.assertTrue(os.access(ours, os.X_OK))

    def test_the_command_becomes_the_program(self):
        self.program("real", "#!/bin/sh\necho real $*\n")
        environment = {**os.environ, "CHORUS_BIN": str(self.folder / "real")}
        # gRPC is not needed for that.
        words = [sys.executable, "-c", "import sys; sys.modules['grpc'] = None; sys.argv = ['chorus', *sys.argv[1:]]\n"
                 "from chorus.__main__ import main; main()", "serve", "bundle:v1"]
        result = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
        self.assertEqual(("real serve bundle:v1\n", ""), (result.stdout, result.stderr))
        environment["CHORUS_BIN"] = "/nowhere"
        result = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
        self.assertIn("CHORUS_BIN is /nowhere", result.stderr)


if __name__ == "__main__":
    unittest.main()
