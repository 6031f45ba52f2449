"""scripts/setup: installs what is missing and nothing else, and says what it cannot do."""
import os
import unittest

from sandbox import Sandbox

WITHOUT_TWO = ('shift 2; for name; do case $name in strace|ccache) ;; '
               '*) echo "installed $name" ;; esac; done; exit 1')
APT = ("case $* in *install*) echo 'dlstatus:1:40.0:x'; echo 'noise'; echo 'pmstatus:a:0.0:x'; "
       "echo 'pmstatus:a:55.5:x'; echo 'pmstatus:a:59:x'; echo 'pmstatus:a:100:x' ;; esac")


class PackagesTest(Sandbox):
    def test_nothing_missing_nothing_done(self):
        self.assertEqual(self.run_script("scripts/setup"), (0, "", ""))
        self.assertEqual(self.calls("apt-get"), [])

    def test_installs_only_what_is_missing_in_one_go(self):
        self.stand_in("dpkg-query", WITHOUT_TWO)
        self.stand_in("apt-get", APT)
        code, out, err = self.run_script("scripts/setup")
        self.assertEqual((code, err), (0, ""))
        self.assertEqual(out, "setup: installing 2 missing packages: ccache strace\n"
                              "setup: downloading, 40 %\nsetup: installing, 0 %\n"
                              "setup: installing, 40 %\nsetup: installing, 100 %\n")
        update, install = self.calls("apt-get")
        self.assertTrue(update.endswith(" update"), update)
        self.assertTrue(install.endswith("install --no-install-recommends ccache strace"), install)
        self.assertEqual(self.calls("sudo"), [])

    def test_a_half_removed_package_is_missing(self):
        self.stand_in("dpkg-query", 'shift 2; for name; do case $name in strace) '
                                    'echo "config-files $name" ;; *) echo "installed $name" ;; '
                                    'esac; done')
        self.stand_in("apt-get", APT)
        self.run_script("scripts/setup")
        self.assertTrue(self.calls("apt-get")[1].endswith("recommends strace"))

    def test_a_failing_apt_shows_its_last_words(self):
        self.stand_in("dpkg-query", WITHOUT_TWO)
        self.stand_in("apt-get", "echo 'E: no space left' >&2; exit 100")
        code, _, err = self.run_script("scripts/setup")
        self.assertEqual(code, 1)
        self.assertIn("warning: apt-get update failed", err)
        self.assertIn("E: no space left\nsetup: apt-get failed (its last lines above", err)

    def test_sudo_where_there_is_no_root(self):
        self.stand_in("id", "echo 1000")
        self.stand_in("dpkg-query", WITHOUT_TWO)
        self.stand_in("apt-get", APT)
        self.stand_in("sudo", 'exec "$@"')
        self.assertEqual(self.run_script("scripts/setup")[0], 0)
        self.assertEqual(len(self.calls("sudo")), 2)

    def test_neither_root_nor_sudo(self):
        self.stand_in("id", "echo 1000")
        self.assertEqual(self.run_script("scripts/setup")[0], 0, "nothing missing needs no root")
        self.stand_in("dpkg-query", WITHOUT_TWO)
        code, out, err = self.run_script("scripts/setup")
        self.assertEqual((code, out), (1, ""))
        self.assertEqual(err, "setup: 2 packages are missing, and this is neither root nor is "
                              "there sudo; as root: apt-get install ccache strace\n")

    def test_not_debian(self):
        os.remove(os.path.join(self.bin, "dpkg-query"))
        code, _, err = self.run_script("scripts/setup")
        self.assertEqual(code, 1)
        self.assertIn("this is not Debian", err)

    def test_options(self):
        code, _, err = self.run_script("scripts/setup", "--dspi")
        self.assertEqual(code, 2)
        self.assertEqual(err, "setup: unknown option '--dspi'; allowed: --dspy, --lint, --peers, --help "
                              "(see setup --help)\n")


class DspyTest(Sandbox):
    def setUp(self):
        super().setUp()
        self.venv = os.path.join(self.root, "venv")
        self.environment["ORDEAL_VENV"] = self.venv
        self.environment["ORDEAL_PEERS_VENV"] = os.path.join(self.root, "peers-venv")
        self.environment["ORDEAL_PYTHON"] = os.path.join(self.bin, "python3")
        # `python3 -m venv DIR` puts a python there that is the stand-in `pip`.
        self.stand_in("pip")
        self.stand_in("python3", 'case $* in --version) echo Python 3.11.2 ;; "-m venv "*) '
                                 'mkdir -p "$3/bin"; cat "%s/pip" >"$3/bin/python"; '
                                 'chmod +x "$3/bin/python" ;; esac' % self.bin)

    def pins(self, text="dspy-ai==2.5\n"):
        self.write("python_mock/requirements-dspy.txt", text)

    def test_without_pins_it_is_skipped_and_said(self):
        code, out, _ = self.run_script("scripts/setup", "--dspy")
        self.assertEqual(code, 0)
        self.assertIn("no python_mock/requirements-dspy.txt", out)

    def test_installs_once_and_again_when_the_pins_change(self):
        self.pins()
        for text, installs in ((None, 1), (None, 0), ("dspy-ai==2.6\n", 1), (None, 0)):
            if text:
                self.pins(text)
            code, _, err = self.run_script("scripts/setup", "--dspy")
            self.assertEqual((code, err), (0, ""))
            self.assertEqual(len(self.calls("pip")), installs)
        self.assertTrue(os.path.exists(os.path.join(self.venv, ".ordeal-pins")))

    def test_peers_have_an_environment_of_their_own_and_what_is_missing_is_said(self):
        self.write("perf/peers/requirements.txt", "loky==3.5.6\n")
        code, out, err = self.run_script("scripts/setup", "--peers")
        self.assertEqual((code, err), (0, ""))
        self.assertIn("without NimblePool", out)
        self.assertTrue(os.path.exists(os.path.join(self.root, "peers-venv", ".ordeal-pins")))
        self.assertFalse(os.path.exists(self.venv))

    def test_no_network_is_a_warning_and_tried_again(self):
        self.pins()
        self.stand_in("pip", "echo 'no route to pypi'; exit 1")
        for _ in range(2):
            code, _, err = self.run_script("scripts/setup", "--dspy")
            self.assertEqual(code, 0)
            self.assertIn("no route to pypi\nsetup: warning: DSPy could not be installed", err)
            self.assertEqual(len(self.calls("pip")), 1)
        self.assertFalse(os.path.exists(os.path.join(self.venv, ".ordeal-pins")))

    def test_what_lint_needs_has_an_environment_of_its_own(self):
        self.environment["ORDEAL_LINT_VENV"] = os.path.join(self.root, "lint-venv")
        code, _, err = self.run_script("scripts/setup", "--lint")
        self.assertEqual((code, err), (0, ""))
        self.assertIn("requirements-lint.txt", self.calls("pip")[0])
        self.assertFalse(os.path.exists(self.venv))
        self.assertEqual(self.run_script("scripts/setup", "--lint"), (0, "", ""))


if __name__ == "__main__":
    unittest.main()
