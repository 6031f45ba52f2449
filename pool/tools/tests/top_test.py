"""`ordeal-pool top` in a terminal of its own: what it draws, and how it leaves."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import unittest

from harness import BINARY, PoolToolTest, request, wait_readable

ENTER, LEAVE = b"\x1b[?25l", b"\x1b[?25h\x1b[?1049l"
FRAME = b"\x1b[H"
FRAME_END = b"\x1b[J"


class Screen:
    """A terminal with `top` in it."""

    def __init__(self, test, columns, rows, *words):
        self.terminal, other_end = pty.openpty()
        test.addCleanup(os.close, self.terminal)
        self.resize(columns, rows)
        self.settings = termios.tcgetattr(self.terminal)
        environment = dict(os.environ, TMPDIR=test.folder, XDG_RUNTIME_DIR=os.path.join(test.folder, "run"))
        self.process = subprocess.Popen([BINARY, "top", "--interval-ms", "50", *words], stdin=other_end,
                                        stdout=other_end, stderr=subprocess.PIPE, env=environment,
                                        start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        test.addCleanup(self.process.stderr.close)
        test.addCleanup(self.end)
        os.close(other_end)
        self.pidfd = os.pidfd_open(self.process.pid)
        test.addCleanup(os.close, self.pidfd)
        self.seen = b""

    def resize(self, columns, rows):
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def read(self):
        wait_readable(self.terminal, "a frame")
        try:
            block = os.read(self.terminal, 1 << 16)
        except OSError:  # The other end is closed.
            block = b""
        self.seen += block
        return block

    def frames(self):
        return [frame for frame in self.seen.split(FRAME)[1:] if FRAME_END in frame]

    def await_frame(self, words):
        """The lines of the first frame with those words in it, as they stand on the screen."""
        while True:
            for frame in self.frames():
                text = re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", frame.split(FRAME_END)[0]).decode()
                text = text.replace("\r\r\n", "\r\n")  # The terminal's own doing.
                if words in text:
                    return text.split("\r\n")
            if not self.read():
                raise AssertionError("no frame with %r in %r" % (words, self.seen))

    def leave(self):
        """Exit status, once all is read."""
        while self.read():
            pass
        wait_readable(self.pidfd, "the end of top")
        return self.process.wait()


class Top(PoolToolTest):
    def serving(self, *options):
        run = self.start(*options)
        run.write(request("echo", args={"x": 1}))
        self.assertEqual(run.outcome()["outcome"], "ok")
        return run

    def assert_left_clean(self, screen, status=0):
        self.assertEqual(screen.leave(), status)
        self.assertTrue(screen.seen.endswith(LEAVE), screen.seen[-40:])
        self.assertEqual(termios.tcgetattr(screen.terminal)[3], screen.settings[3], "keys are as they were")
        self.assertNotIn(b"\x1b[2J", screen.seen, "the screen is never cleared: that flickers")

    def test_at_80_and_200_columns_every_line_fits_and_the_wide_one_shows_more(self):
        run = self.serving("--workers", "2")
        for columns, rows in ((80, 24), (200, 50)):
            screen = Screen(self, columns, rows)
            lines = screen.await_frame("requests  ")
            self.assertLessEqual(max(map(len, lines)), columns)
            self.assertLessEqual(len(lines), rows)
            text = "\n".join(lines)
            for part in ("generation 1", "queue     0 of", "workers   2 kept: 2 idle", "latency   p50 ",
                         "so far    2 spawned, 0 recycled, 0 lost", " worker      pid state"):
                self.assertIn(part, text)
            self.assertEqual("leaves/stuck" in text, columns == 200)
            self.assertEqual(sum(" ready " in line for line in lines), 2)
            os.write(screen.terminal, b"q")
            self.assert_left_clean(screen)
        self.assertEqual(run.finish()[2], 0)

    def test_what_does_not_fit_is_counted(self):
        run = self.serving("--workers", "4")
        screen = Screen(self, 40, 10)
        lines = screen.await_frame("more lines")
        self.assertEqual(len(lines), 10)
        self.assertLessEqual(max(map(len, lines)), 40)
        os.write(screen.terminal, b"Q")
        self.assert_left_clean(screen)
        self.assertEqual(run.finish()[2], 0)

    def test_rates_and_what_operators_do_are_seen(self):
        run = self.serving("--workers", "1")
        screen = Screen(self, 100, 30)
        screen.await_frame("0.0/s ok")  # against the frame before
        pausing = self.program("pause")
        pausing.end_input()
        self.assertEqual(pausing.wait(), 0)
        run.write(request("echo"))
        screen.await_frame("queue     1 of")
        screen.await_frame("[paused]")
        os.write(screen.terminal, b"\x03")  # Ctrl-C
        self.assert_left_clean(screen)
        resuming = self.program("resume")
        resuming.end_input()
        self.assertEqual(resuming.wait(), 0)
        self.assertEqual(run.outcome()["outcome"], "ok")
        self.assertEqual(run.finish()[2], 0)

    def test_a_terminate_leaves_the_terminal_as_it_was(self):
        run = self.serving("--workers", "1")
        screen = Screen(self, 80, 24)
        screen.await_frame("workers")
        signal.pidfd_send_signal(screen.pidfd, signal.SIGTERM)
        self.assert_left_clean(screen)
        self.assertEqual(run.finish()[2], 0)

    def test_it_ends_with_the_run(self):
        run = self.serving("--workers", "1")
        screen = Screen(self, 80, 24)
        screen.await_frame("workers")
        self.assertEqual(run.finish()[2], 0)
        self.assert_left_clean(screen, status=3)

    def test_without_a_terminal_it_says_so(self):
        status, text = self.refused("top")
        self.assertEqual((status, text), (2, "ordeal-pool: top needs a terminal; `ordeal-pool status` does not"))


if __name__ == "__main__":
    unittest.main()
