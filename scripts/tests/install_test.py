"""What `cmake --install` gives others: libraries that two projects of their own link, tools that work
without the checkout, and a next patch release under which programs that are built run on.

    install_test.py BUILD COMPILER    with BUILD complete
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD, COMPILER = sys.argv[1:3]


def run(*command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True,
                          stdin=subprocess.DEVNULL, **options)
    return done.returncode, done.stdout


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        holder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(holder.cleanup)
        cls.folder = holder.name
        cls.prefix = os.path.join(cls.folder, "installed")
        cls.must("cmake", "--install", BUILD, "--prefix", cls.prefix)

    @classmethod
    def must(cls, *command, **options):
        status, said = run(*command, **options)
        if status != 0:
            raise AssertionError("%s: exit code %d\n%s" % (" ".join(command), status, said))
        return said

    def project(self, source):
        """Builds a project against the installation alone, in a copy of its own."""
        copy = os.path.join(self.folder, "projects", source)
        shutil.copytree(os.path.join(REPOSITORY, source), copy)
        build = copy + "-build"
        self.must("cmake", "-S", copy, "-B", build, "-G", "Ninja", "-DCMAKE_PREFIX_PATH=" + self.prefix,
                  "-DCMAKE_CXX_COMPILER=" + COMPILER)
        self.must("cmake", "--build", build)
        return build

    def test_a_service_embeds_the_pool_and_runs_on_with_the_next_patch_release(self):
        service = os.path.join(self.project("pool/examples/embed"), "embed")
        said = self.must(service)
        self.assertRegex(said, r"^ordeal \d+\.\d+\.\d+\n")
        self.assertIn('greet: {"greeting":"Hello, Ada!"}\n', said)
        self.assertIn("InvalidArgument: greet needs a name (it did not happen)\n", said)
        self.assertIn('in a session: {"greeting":"Hello, Grace!"}\n', said)
        self.assertIn('the session holds {"greeted":1}\n', said)

        version, following = self.install_next_patch()
        self.assertIn("ordeal %s\n" % following, self.must(service))
        self.assertTrue(said.startswith("ordeal %s\n" % version), said)

    def install_next_patch(self):
        """The same sources with the next version; only its library replaces the installed one."""
        sources = os.path.join(self.folder, "next")
        shutil.copytree(REPOSITORY, sources, ignore=lambda folder, names: [
            name for name in names
            if folder == REPOSITORY and (name == ".git" or re.match(r"build(-|$)", name))])
        top = os.path.join(sources, "CMakeLists.txt")
        with open(top, encoding="utf-8") as stream:
            text = stream.read()
        found = re.search(r"project\(ordeal VERSION (\d+)\.(\d+)\.(\d+)", text)
        version = ".".join(found.groups())
        following = "%s.%s.%d" % (found[1], found[2], int(found[3]) + 1)
        with open(top, "w", encoding="utf-8") as stream:
            stream.write(text.replace("VERSION " + version, "VERSION " + following))
        self.must("cmake", "-S", sources, "-B", sources + "/build", "-G", "Ninja",
                  "-DCMAKE_CXX_COMPILER=" + COMPILER)
        self.must("ninja", "-C", sources + "/build", "ordeal_installed_pool")
        libraries = os.path.dirname(self.library("libordeal_pool.so." + version))
        for name in os.listdir(libraries):
            if name.startswith("libordeal_pool.so."):
                os.remove(os.path.join(libraries, name))
        for name in os.listdir(sources + "/build/lib"):
            if name.startswith("libordeal_pool.so."):
                shutil.copy2(os.path.join(sources, "build/lib", name), libraries, follow_symlinks=False)
        return version, following

    def library(self, name):
        for folder, _, files in os.walk(self.prefix):
            if name in files:
                return os.path.join(folder, name)
        raise AssertionError("no %s below %s" % (name, self.prefix))

    def test_a_project_of_its_own_links_the_trial_kit(self):
        said = self.must(os.path.join(self.project("testing/examples/consumer"), "consumer"))
        self.assertRegex(said, r"(?m)^\d+ scenarios: \d{3} passed, 0 failed, 1 skipped$")
        self.assertIn("\nrefused\n", said)

    def test_a_project_of_its_own_links_faults_and_experiments(self):
        said = self.must(os.path.join(self.project("chaos/examples/consumer"), "chaos_consumer"))
        self.assertRegex(said, r"(?m)^[5-9]\d kinds of faults$")
        self.assertRegex(said, r"(?m)^pass: ")
        self.assertIn("\nrefused: own:3: ", said)

    def test_a_project_of_its_own_compares_its_builds(self):
        said = self.must(os.path.join(self.project("perf/examples/consumer"), "perf_consumer"))
        self.assertIn("steps: equivalent, new / old 1.00 (", said)
        self.assertIn("steps: regression, new / old 1.07 (", said)

    def test_its_headers_are_read_by_each_compiler_that_is_here(self):
        folders = [os.path.join(self.prefix, "include"), os.path.join(self.prefix, "include/ordeal/rooms")]
        inner = folders[1] + os.sep
        headers = sorted(os.path.relpath(name, folders[name.startswith(inner)]) for name in self.files(".hpp"))
        self.assertIn("ordeal/pool/pool.hpp", headers)
        self.assertIn("testing/contract/pool_under_test.hpp", headers)
        # All in one program: one name for two things would be found, too.
        every = os.path.join(self.folder, "every_header.cpp")
        with open(every, "w", encoding="utf-8") as stream:
            stream.writelines('#include "%s"\n' % name for name in headers)
        for compiler in filter(None, (COMPILER, shutil.which("clang++"))):
            self.must(compiler, "-std=c++20", "-fsyntax-only", "-I", folders[0], "-I", folders[1], every)

    def test_the_tools_work_from_the_installation(self):
        tool = os.path.join(self.prefix, "bin", "ordeal-pool")
        bridge = os.path.join(self.prefix, "share/ordeal/python_mock/mock_bridge.py")
        answers = subprocess.run([tool, "run", "--", "python3", bridge], stdout=subprocess.PIPE, check=True,
                                 stderr=subprocess.PIPE, input=b'{"command": "ping"}\n', cwd="/").stdout
        self.assertEqual(json.loads(answers)["outcome"], "ok")
        self.assertRegex(self.must(tool, "--version"), r"^ordeal-pool \d+\.\d+\.\d+\n$")
        chaos = os.path.join(self.prefix, "bin", "ordeal-chaos")
        experiments = os.path.join(self.prefix, "share/ordeal/experiments")
        said = self.must(chaos, "check", os.path.join(experiments, "wire.toml"))
        self.assertNotIn(REPOSITORY, said)
        self.assertIn("--bridge TEXT=%s" % os.path.realpath(bridge), self.must(chaos, "run", "--help"))
        self.must(chaos, "run", "--world", "simulated", os.path.join(experiments, "wire.toml"),
                  cwd=self.folder)

    def test_a_pool_is_measured_from_the_installation(self):
        perf = os.path.join(self.prefix, "bin", "ordeal-perf")
        measure = (perf, "sample", "--suite", "round_trip", "--case", "echo_64_blocking", "--calls", "50")
        said = self.must(*measure, cwd=self.folder)
        sample = json.loads(said[said.index("{"):])  # notes come first
        self.assertEqual(sample["schema"], "ordeal-perf-sample/1")
        bridge = os.path.join(self.prefix, "share/ordeal/python_mock/mock_bridge.py")
        os.rename(bridge, bridge + ".away")
        self.addCleanup(os.rename, bridge + ".away", bridge)
        status, _ = run(*measure)
        self.assertNotEqual(status, 0, "it used the checkout's bridge")

    def test_the_worker_kit_is_a_wheel(self):
        environment = os.environ.get("ORDEAL_LINT_VENV") or os.path.expanduser("~/.cache/ordeal/lint-venv")
        python = os.path.join(environment, "bin", "python")
        if not os.path.exists(python) or run(python, "-c", "import setuptools")[0] != 0:
            self.skipTest("no setuptools in %s: scripts/setup --lint" % environment)
        sources = os.path.join(self.folder, "kit")
        shutil.copytree(os.path.join(REPOSITORY, "python_mock"), sources,
                        ignore=shutil.ignore_patterns("tests", "__pycache__"))
        self.must(python, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
                  "--disable-pip-version-check", "--wheel-dir", self.folder, sources)
        wheels = [name for name in os.listdir(self.folder) if name.endswith(".whl")]
        version = self.must(os.path.join(self.prefix, "bin", "ordeal-pool"), "--version").split()[1]
        self.assertEqual(wheels, ["ordeal_worker-%s-py3-none-any.whl" % version])
        # A wheel is a folder in a file that Python can import from; the service runs with it alone.
        bridge = os.path.join(REPOSITORY, "pool/examples/embed/greeter.py")
        kit = os.path.join(self.folder, "unpacked")
        shutil.unpack_archive(os.path.join(self.folder, wheels[0]), kit, "zip")
        answer = subprocess.run(
            [os.path.join(self.prefix, "bin", "ordeal-pool"), "run", "--workers", "1", "--", "env",
             "PYTHONPATH=" + kit, "python3", bridge], input=b'{"command": "greet", "args": {"name": "Ada"}}\n',
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True).stdout
        self.assertEqual(json.loads(answer)["result"], {"greeting": "Hello, Ada!"})

    def test_nothing_that_is_installed_names_the_checkout_in_its_cmake_files(self):
        named = [name for name in self.files(".cmake") if REPOSITORY in self.text(name)]
        self.assertEqual(named, [])

    def files(self, ending):
        return [os.path.join(folder, name) for folder, _, names in os.walk(self.prefix)
                for name in names if name.endswith(ending)]

    @staticmethod
    def text(name):
        with open(name, encoding="utf-8") as stream:
            return stream.read()


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
