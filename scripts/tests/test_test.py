"""scripts/test: which build, which tests, which exit code."""
import unittest

from sandbox import Sandbox


class OptionsTest(Sandbox):
    def test_wrong_use_is_named_with_what_is_allowed_before_anything_starts(self):
        see = " (see test --help)\n"
        for arguments, message in (
                (["--bogus"], "unknown option '--bogus'; allowed: --layer, --label, --sanitize, "
                              "--compiler, --build-only, --jobs, --help, and -- before arguments "
                              "for ctest" + see),
                (["--layer", "4"], "--layer 4; allowed: 1, 2, 3" + see),
                (["--layer"], "--layer needs a value" + see),
                (["--sanitize", "memory"],
                 "--sanitize memory; allowed: address, undefined, thread" + see),
                (["--sanitize", ","], "--sanitize ''; allowed: address, undefined, thread" + see),
                (["--sanitize", "thread,address"],
                 "--sanitize address,thread: thread cannot be combined with another sanitizer\n"),
                (["--compiler", "icc"], "--compiler icc; allowed: clang, gcc" + see),
                (["--jobs", "0"], "--jobs 0; allowed: 1 to 999" + see),
                (["--label", "a b"],
                 "--label 'a b': a label is made of a-z, 0-9 and _\n")):
            with self.subTest(arguments=arguments):
                code, out, err = self.run_script("scripts/test", *arguments)
                self.assertEqual((code, out, err), (2, "", "test: " + message))
                self.assertEqual(self.calls("cmake") + self.calls("dpkg-query"), [])

    def test_help_is_the_head_of_the_script(self):
        code, out, _ = self.run_script("scripts/test", "--help")
        self.assertEqual(code, 0)
        for option in ("--layer", "--label", "--sanitize", "--compiler", "--build-only", "--jobs"):
            self.assertIn("scripts/test " + option, out)


class SelectionTest(Sandbox):
    def setUp(self):
        super().setUp()
        self.stand_in("ctest", "for label in layer_1 layer_2 property performance; do "
                               "echo \"  $label\"; done")

    def selected(self, *arguments):
        """The folder of the build, and ctest's arguments beyond the usual ones."""
        code, _, err = self.run_script("scripts/test", *arguments)
        self.assertEqual((code, err), (0, ""))
        usual = "--test-dir %s/%s --no-tests=error --output-on-failure -j 2"
        folder = self.calls("ninja")[0].split()[1][len(self.root) + 1:]
        call = self.calls("ctest")[-1]
        self.assertTrue(call.startswith(usual % (self.root, folder)), call)
        return folder, call[len(usual % (self.root, folder)):].strip()

    def test_tests_and_build_follow_the_options(self):
        no_times = "-LE ^performance$"
        for arguments, folder, tests in (
                ("", "build", ""),
                ("--layer 1", "build", "-L ^(layer_1)$"),
                ("--layer 1 --layer 2", "build", "-L ^(layer_1|layer_2)$"),
                ("--label property --layer 1", "build", "-L ^(layer_1)$ -L ^(property)$"),
                ("--compiler clang", "build-clang", ""),
                ("--compiler gcc", "build-gcc", ""),
                ("--sanitize undefined,address", "build-address-undefined", no_times),
                ("--sanitize address --sanitize undefined", "build-address-undefined",
                 no_times),
                ("--sanitize thread", "build-thread", no_times + " -L ^(layer_1|layer_2)$"),
                ("--sanitize thread --label property --compiler clang", "build-clang-thread",
                 no_times + " -L ^(property)$"),
                ("--sanitize thread --label performance --label property", "build-thread",
                 "-L ^(performance|property)$"),
                ("-- -R options", "build", "-R options")):
            with self.subTest(arguments=arguments):
                self.assertEqual(self.selected(*arguments.split()), (folder, tests))

    def test_the_build_gets_its_sanitizer_compiler_and_jobs(self):
        self.run_script("scripts/test", "--sanitize", "undefined,address", "--compiler", "clang",
                        "--jobs", "7")
        self.assertTrue(self.calls("cmake")[0].endswith(
            "-DORDEAL_SANITIZE=address,undefined -DCMAKE_CXX_COMPILER=clang++"))
        self.assertIn(" -j 7 ", self.calls("ninja")[0])

    def test_dspy_is_installed_only_if_layer_3_may_run(self):
        self.stand_in("ctest", "echo '  layer_1'; echo '  layer_3'")
        skipped = "no virtual environment for layer 3"
        for arguments, asked in (("", True), ("--layer 3 --layer 1", True), ("--layer 1", False),
                                 ("--label layer_1", True)):
            with self.subTest(arguments=arguments):
                out = self.run_script("scripts/test", *arguments.split())[1]
                self.assertEqual(skipped in out, asked)

    def test_a_label_without_tests_is_refused_before_the_build(self):
        code, _, err = self.run_script("scripts/test", "--label", "propery")
        self.assertEqual((code, err), (2, "test: no test has the label 'propery'; labels here: "
                                          "layer_1, layer_2, performance, property\n"))
        self.assertEqual(self.calls("ninja"), [])

    def test_build_only_runs_no_test(self):
        self.assertEqual(self.run_script("scripts/test", "--build-only")[0], 0)
        self.assertEqual(len(self.calls("ninja")), 1)
        self.assertEqual([call for call in self.calls("ctest") if "--no-tests" in call], [])

    def test_sanitizers_stop_at_the_first_finding_and_the_callers_settings_win(self):
        self.environment["TSAN_OPTIONS"] = "halt_on_error=0"
        self.write("scripts/sanitizers/thread.supp", "race:a\n")
        self.stand_in("ctest", "echo '  layer_1'; echo '  layer_2'; "
                               'printf "%s\\n" "ENV $TSAN_OPTIONS" >>"' + self.log + '"')
        self.selected("--sanitize", "thread")
        self.assertEqual(self.calls("ENV")[-1],
                         "halt_on_error=1:second_deadlock_stack=1:suppressions=%s/scripts/"
                         "sanitizers/thread.supp:halt_on_error=0" % self.root)


class FailureTest(Sandbox):
    def test_failing_tests_fail(self):
        self.stand_in("ctest", "case $* in *print-labels*) ;; *) echo '1 failed'; exit 8 ;; esac")
        code, out, _ = self.run_script("scripts/test")
        self.assertEqual(code, 8)
        self.assertTrue(out.endswith("1 failed\n"), out)

    def test_a_failing_build_fails_and_runs_no_test(self):
        self.stand_in("ninja", "exit 1")
        code, _, err = self.run_script("scripts/test")
        self.assertEqual((code, err), (1, "test: the build in %s/build failed\n" % self.root))
        self.assertEqual([call for call in self.calls("ctest") if "--no-tests" in call], [])

    def test_a_failing_configuration_shows_why(self):
        self.stand_in("cmake", "echo 'no such library'; exit 1")
        code, _, err = self.run_script("scripts/test")
        self.assertEqual(code, 1)
        self.assertIn("no such library\ntest: cmake failed", err)

    def test_a_failing_setup_fails(self):
        self.stand_in("dpkg-query", "exit 1")
        self.stand_in("apt-get", "exit 1")
        self.assertEqual(self.run_script("scripts/test")[0], 1)
        self.assertEqual(self.calls("cmake"), [])


if __name__ == "__main__":
    unittest.main()
