"""A copy of scripts/ in a folder of its own, where the system's commands are stand-ins.

A stand-in is a line of shell; it notes its name and arguments in `calls` before it does that line.
Only stand-ins and the plain tools of TOOLS can be found, so a script that reaches for anything else
fails.
"""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

TOOLS = """awk bash basename cat chmod comm cut date dirname env flock getent git grep head mkdir
mktemp mv nproc paste rm sed sha256sum sort tail tr uname xargs""".split()


class Sandbox(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = os.path.join(folder.name, "checkout")
        self.bin = os.path.join(folder.name, "bin")
        self.log = os.path.join(folder.name, "calls")
        shutil.copytree(os.path.join(REPOSITORY, "scripts"), os.path.join(self.root, "scripts"),
                        ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(os.path.join(REPOSITORY, ".ci"), os.path.join(self.root, ".ci"))
        os.mkdir(self.bin)
        for tool in TOOLS:
            os.symlink(shutil.which(tool), os.path.join(self.bin, tool))
        self.environment = {"PATH": self.bin, "HOME": folder.name, "TMPDIR": folder.name}
        # The machine as it mostly is: root, all packages there, a build that works.
        self.stand_in("id", "echo 0")
        self.stand_in("dpkg-query", 'shift 2; for name; do echo "installed $name"; done')
        self.stand_in("cmake")
        self.stand_in("ninja")
        self.stand_in("ctest", "echo '  layer_1'; echo '  layer_2'; echo '  property'")
        self.stand_in("setarch", 'shift 2; exec "$@"')

    def write(self, path, text, executable=False):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if os.path.islink(path):  # a tool of this machine's: writing through it would replace that
            os.remove(path)
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text)
        if executable:
            os.chmod(path, 0o755)

    def stand_in(self, name, body="", path=None):
        text = '#!%s\nprintf "%%s\\n" "%s $*" >>"%s"\n%s\n' % (
            shutil.which("bash"), name, self.log, body)
        self.write(path or os.path.join(self.bin, name), text, executable=True)

    def run_script(self, path, *arguments):
        """(exit code, standard output, standard error)"""
        if os.path.exists(self.log):
            os.remove(self.log)
        done = subprocess.run([os.path.join(self.root, path)] + list(arguments),
                              env=self.environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              universal_newlines=True, check=False)
        return done.returncode, done.stdout, done.stderr

    def calls(self, name):
        """The arguments of each call of a stand-in, in order."""
        try:
            with open(self.log, encoding="utf-8") as stream:
                lines = stream.read().splitlines()
        except FileNotFoundError:
            return []
        return [line[len(name) + 1:] for line in lines if line.split(" ")[0] == name]
