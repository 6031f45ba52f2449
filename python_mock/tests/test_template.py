"""A bridge started with a template's socket forks workers that are its host's children."""

import array
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

from harness import HERE

BRIDGE = os.path.join(HERE, "sample_bridge.py")


class Template(unittest.TestCase):
    def setUp(self):
        self.host, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.addCleanup(self.host.close)
        self.stderr = tempfile.TemporaryFile()
        self.addCleanup(self.stderr.close)
        with theirs:
            environment = dict(os.environ, ORDEAL_TEMPLATE_FD=str(theirs.fileno()))
            self.template = subprocess.Popen(
                [sys.executable, BRIDGE], env=environment, pass_fds=[theirs.fileno()],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )
        self.addCleanup(self.end_template)
        self.ready = self.receive()[0]

    def end_template(self):
        self.template.kill()
        self.template.communicate()

    def receive(self):
        data, ancillary, _, _ = self.host.recvmsg(65536, socket.CMSG_SPACE(16))
        descriptors = array.array("i")
        for _, _, payload in ancillary:
            descriptors.frombytes(payload)
        for fd in descriptors:
            self.addCleanup(os.close, fd)
        return (json.loads(data.decode()) if data else None), list(descriptors)

    def fork(self, serial):
        """(its answer, the host's ends of its pipes)"""
        (requests, to_worker), (from_worker, replies) = os.pipe(), os.pipe()
        theirs = array.array("i", [requests, replies, self.stderr.fileno()])
        message = json.dumps({"fork": serial}).encode()
        self.host.sendmsg([message], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, theirs)])
        os.close(requests)
        os.close(replies)
        answer, _ = self.receive()
        return answer, (to_worker, from_worker)

    def request(self, ends, request_id, command, **args):
        body = json.dumps({"id": request_id, "command": command, "args": args, "timestamp": "now"}).encode()
        os.write(ends[0], len(body).to_bytes(4, "big") + body)
        length = int.from_bytes(os.read(ends[1], 4), "big")
        return json.loads(os.read(ends[1], length).decode())

    def end_worker(self, pid, ends):
        """Ends its input; its exit status, which is this process's to know."""
        os.close(ends[0])
        status = os.waitpid(pid, 0)[1]
        os.close(ends[1])
        return status

    def test_it_says_when_it_is_ready_and_reads_no_requests(self):
        self.assertEqual(self.ready["template"], 1)
        self.assertEqual(self.ready["pid"], self.template.pid)
        self.assertGreaterEqual(self.ready["import_ms"], 0)

    def test_each_worker_is_the_hosts_child_and_serves_over_its_own_pipes(self):
        workers = []
        for serial in (1, 2):
            answer, ends = self.fork(serial)
            self.assertEqual(answer["forked"], serial)
            self.assertEqual(self.request(ends, 0, "ping")["result"]["status"], "ok")
            self.assertEqual(self.request(ends, 1, "echo", n=serial)["result"], {"n": serial})
            workers.append((answer["pid"], ends))
        for pid, ends in workers:
            self.assertEqual(self.end_worker(pid, ends), 0)

    def test_a_worker_survives_its_template(self):
        answer, ends = self.fork(1)
        self.request(ends, 0, "ping")
        # It left the template's group by its host's doing; this test stands for that.
        os.setpgid(answer["pid"], answer["pid"])
        os.kill(self.template.pid, signal.SIGKILL)
        self.template.wait()
        self.assertTrue(self.request(ends, 1, "echo")["success"])
        self.assertEqual(self.end_worker(answer["pid"], ends), 0)

    def test_a_worker_without_a_request_ends_when_its_host_lets_go(self):
        answer, ends = self.fork(1)
        self.assertEqual(self.end_worker(answer["pid"], ends), 0)

    def test_it_ends_with_the_hosts_socket(self):
        self.host.shutdown(socket.SHUT_RDWR)
        self.assertEqual(self.template.wait(), 0)


if __name__ == "__main__":
    unittest.main()
