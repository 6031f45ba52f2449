"""Runs a command and expects an exit code, and texts in its output: expect.py CODE TEXT... -- COMMAND..."""

import subprocess
import sys

split = sys.argv.index("--")
wanted_code, texts, command = int(sys.argv[1]), sys.argv[2:split], sys.argv[split + 1:]
done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
output = done.stdout.decode("utf-8", "replace")
print(output)
wrong = ["no %r in the output" % text for text in texts if text not in output]
if done.returncode != wanted_code:
    wrong.append("exit code %d, expected %d" % (done.returncode, wanted_code))
print("\n".join(wrong))
sys.exit(1 if wrong else 0)
