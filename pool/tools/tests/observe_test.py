"""ordeal-pool run as an operator sees it: metrics and alerts."""

import json
import os
import re
import stat
import unittest
import urllib.error
import urllib.request

from harness import PoolToolTest, WORKER, await_and_reap, own_children, request

PROXYLESS = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def scrape(url):
    """Metrics by series, without the label that all have."""
    with PROXYLESS.open(url, timeout=30) as answer:
        text = answer.read().decode()
    return {re.sub(r',?pool="[^"]*",?', "", series).replace("{}", ""): float(value)
            for series, value in (line.rsplit(" ", 1) for line in text.splitlines()
                                  if not line.startswith("#"))}


def metrics_url(run):
    return run.err.until("metrics at").split("metrics at ")[1]


class Metrics(PoolToolTest):
    def test_a_run_serves_them_on_a_port_that_it_prints(self):
        run = self.start("--workers", "2", "--metrics", "127.0.0.1:0")
        url = metrics_url(run)
        self.assertRegex(url, r"^http://127\.0\.0\.1:\d+/metrics$")
        run.write(request("echo") + request("crash", args={"exit_code": 3}))
        outcomes = sorted(run.outcome()["outcome"] for _ in range(2))
        self.assertEqual(outcomes, ["indeterminate", "ok"])
        metrics = scrape(url)
        self.assertEqual(metrics['ordeal_pool_requests_total{outcome="ok"}'], 1)
        self.assertEqual(metrics['ordeal_pool_requests_total{outcome="failed"}'], 1)
        self.assertEqual(metrics["ordeal_pool_workers_wanted"], 2)
        # The first workers' starts were seen, too.
        self.assertGreaterEqual(metrics["ordeal_pool_worker_start_seconds_count"], 2)
        _, _, status = run.finish()
        self.assertEqual(status, 1)
        with self.assertRaises(urllib.error.URLError):
            scrape(url)

    def test_they_are_there_before_the_pool_is(self):
        run = self.program("run", "--metrics", "127.0.0.1:0", "--", "sleep", "inf")
        url = metrics_url(run)
        self.assertEqual(scrape(url)["ordeal_pool_requests_submitted_total"], 0)
        run.interrupt()
        self.assertEqual(run.wait(), 130)
        for pid in own_children():  # the worker that never got ready; the warden ends it
            await_and_reap(pid)

    def test_only_loopback_unless_told(self):
        status, text = self.refused("run", "--metrics", "0.0.0.0:0", "--", *WORKER)
        self.assertEqual(status, 2)
        self.assertEqual(text, "ordeal-pool: metrics address 0.0.0.0:0: 0.0.0.0 is not a loopback "
                         "address, others could read the metrics; allowed 127.0.0.0/8, [::1] and "
                         "localhost, unless made public")
        run = self.start("--metrics", "0.0.0.0:0", "--metrics-public")
        self.assertIn("http://0.0.0.0:", metrics_url(run))
        self.assertEqual(run.finish()[2], 0)

    def test_public_without_an_address_is_refused(self):
        status, text = self.refused("run", "--metrics-public", "--", *WORKER)
        self.assertEqual(status, 2)
        self.assertIn("--metrics", text)


class Alerts(PoolToolTest):
    def test_a_run_of_errors_and_its_end_are_told_to_a_file_of_the_owners_alone(self):
        alerts = self.path("alerts")
        lines = request("error", args={"message": "swordfish"}) * 4 + request("echo") * 40
        self.run_lines(lines, "--workers", "1", "--concurrency", "1", "--alerts", alerts,
                       "--alert-rule", "requests_min=4")
        with open(alerts) as stream:
            text = stream.read()
        told = [(alert["alert"], alert["level"], alert["errors"], alert["requests"])
                for alert in map(json.loads, text.splitlines())]
        # 4 of 40 is critical still, 4 of 44 is above the warning.
        self.assertEqual(told, [("error_rate_critical", "critical", 4, 4),
                                ("error_rate_warning", "warning", 4, 41)])
        self.assertNotIn("swordfish", text)
        self.assertEqual(stat.S_IMODE(os.stat(alerts).st_mode), 0o600)

    def test_a_wrong_rule_is_refused_with_what_is_allowed(self):
        status, text = self.refused("run", "--alerts", self.path("alerts"), "--alert-rule",
                                    "warn_permille=0", "--", *WORKER)
        self.assertEqual(status, 2)
        self.assertEqual(text, "ordeal-pool: --alert-rule: alert rule warn_permille: 0 is out of "
                         "range, allowed 1 to 1000")

    def test_a_command_gets_each_alert_and_its_failures_are_told(self):
        told = self.path("told")
        lines = request("echo") + request("error") * 4
        _, messages, status = self.run_lines(
            lines, "--workers", "1", "--concurrency", "1", "--alert-rule", "requests_min=4",
            "--alert-rule", "warn_permille=1000", "--alert-rule", "critical_permille=1000",
            "--alert-rule", "window_ms=86400000", "--set", "breaker.failures=2",
            "--set", "breaker.enabled=true",
            "--alert-command", "cat >> %s; echo no such pager >&2; exit 3" % told)
        self.assertEqual(status, 1)
        with open(told) as stream:
            alerts = [json.loads(line) for line in stream]
        self.assertEqual([(alert["alert"], alert["circuit"]) for alert in alerts],
                         [("circuit_opened", "breaker error")])
        self.assertIn("alerts to command: 0 delivered, 1 failed, 0 dropped; the last: it ended "
                      "with 3: no such pager", "\n".join(messages))
        status, text = self.refused("run", "--alert-rule", "window_ms=1", "--", *WORKER)
        self.assertEqual((status, text), (2, "ordeal-pool: --alert-rule: needs --alerts or "
                                             "--alert-command"))

    def test_a_file_that_cannot_be_opened_is_refused(self):
        status, text = self.refused("run", "--alerts", "no/such", "--", *WORKER)
        self.assertEqual(status, 4)
        self.assertEqual(text, "ordeal-pool: alerts file no/such: No such file or directory")


if __name__ == "__main__":
    unittest.main()
