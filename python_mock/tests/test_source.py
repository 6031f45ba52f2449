"""What is promised of the source itself."""

import ast
import glob
import os
import unittest

from harness import PYTHON_MOCK

WORKER_SIDE = sorted(
    glob.glob(os.path.join(PYTHON_MOCK, "ordeal_worker", "**", "*.py"), recursive=True)
    + glob.glob(os.path.join(PYTHON_MOCK, "dspex", "*.py"))
    + glob.glob(os.path.join(PYTHON_MOCK, "gemini", "*.py"))
    + [os.path.join(PYTHON_MOCK, name) for name in ("mock_bridge.py", "mock_gemini.py")]
)
NEEDS_PACKAGES = [os.path.join("dspex", "dspy_%s.py" % part) for part in ("adapter", "engine", "errors")]
MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 70


class Source(unittest.TestCase):
    def parsed(self):
        for path in WORKER_SIDE:
            with open(path, encoding="utf-8") as source:
                text = source.read()
            yield os.path.relpath(path, PYTHON_MOCK), text, ast.parse(text, path, feature_version=(3, 8))

    def test_every_file_of_the_worker_parses_as_python_3_8(self):
        self.assertGreater(len(list(self.parsed())), 10)

    def test_files_and_functions_are_short_and_say_what_they_are_for(self):
        for path, text, tree in self.parsed():
            self.assertLess(text.count("\n"), MAX_FILE_LINES, path)
            self.assertTrue(ast.get_docstring(tree), path)
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef):
                    self.assertLess(node.end_lineno - node.lineno, MAX_FUNCTION_LINES, (path, node.name))

    def test_only_the_standard_library_and_our_own_packages_are_imported(self):
        import sys

        allowed = set(sys.stdlib_module_names) | {"ordeal_worker", "dspex", "gemini"}
        for path, _, tree in self.parsed():
            if path in NEEDS_PACKAGES:
                continue
            for node in ast.walk(tree):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom) and node.level == 0:
                    names = [node.module]
                for name in names:
                    self.assertIn(name.split(".")[0], allowed, path)


if __name__ == "__main__":
    unittest.main()
