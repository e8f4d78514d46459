"""Runs the package's examples, and the Python of its README, against a gateway with the demo models."""
import re
import subprocess
import tempfile
import unittest

from served import ROOT, script, served

PACKAGE = ROOT / "python"


class ExamplesTest(unittest.TestCase):
    def test_examples(self):
        with served() as server:
            for name, url, pattern in (("stream.py", server.http, r"^gpt2: (NEGATIVE|POSITIVE) 0\."),
                                       ("stream.py", server.grpc, r"^distilgpt2: '"),
                                       ("many.py", server.http, r"^(NEGATIVE|POSITIVE) 0\.\d+ ['\"]Once upon a time")):
                result = subprocess.run(script(str(PACKAGE / "examples" / name), url), capture_output=True, text=True,
                                        check=False)
                self.assertEqual(0, result.returncode, result.stderr)
                self.assertRegex(result.stdout, re.compile(pattern, re.M))

    def test_readme(self):
        """Its blocks of Python run in their order, as one script, but for those that need transformers."""
        blocks = re.findall(r"```python\n(.*?)```", (PACKAGE / "README.md").read_text(), re.S)
        blocks = [block for block in blocks if "transformers" not in block]
        self.assertGreaterEqual(len(blocks), 3)
        with served() as server, tempfile.TemporaryDirectory() as folder:
            code = "\n".join(blocks).replace("http://localhost:3000", server.http)
            code = code.replace("grpc://localhost:50051", server.grpc).replace("/tmp/", folder + "/")
            result = subprocess.run(script("-c", code), capture_output=True, text=True, check=False)
        self.assertEqual(0, result.returncode, result.stderr)


if __name__ == "__main__":
    unittest.main()
