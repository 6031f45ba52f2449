"""`ordeal-pool shadow` and `rollout` with two versions of real workers."""
import json
import os
import stat
import sys
import unittest

from harness import ROOT, PoolToolTest, request

OLD = ["env", "PYTHONPATH=" + os.path.join(ROOT, "python_mock"), sys.executable,
       os.path.join(ROOT, "pool/migration/tests/versions.py")]


def new(*flags):
    return " ".join([*OLD, *flags])


class Shadow(PoolToolTest):
    def shadow(self, count, *options, to, **members):
        report = self.path("report.json")
        run = self.program("shadow", "--workers", "1", "--report", report, "--to", to, *options, "--", *OLD)
        run.write("".join(request("answer", args={"text": "secret"}, id=number, **members)
                          for number in range(count)))
        outcomes, messages, status = run.finish()
        self.assertEqual([outcome["outcome"] for outcome in outcomes], ["ok"] * count, messages)
        self.assertEqual(stat.S_IMODE(os.stat(report).st_mode), 0o600)
        with open(report) as stream:
            text = stream.read()
        self.assertNotIn("secret", text + "\n".join(messages))
        return json.loads(text), messages, status

    def test_versions_that_disagree_are_reported_by_kind(self):
        report, messages, status = self.shadow(20, "--share", "1", to=new("--change", "value"),
                                               idempotent=True)
        self.assertEqual(status, 5, messages)
        self.assertEqual((report["compared"], report["alike"]), (20, 0))
        self.assertEqual(report["by_kind"], {"value": 20})
        self.assertEqual(report["differences"], [{"kind": "value", "place": "/score", "count": 20}])
        self.assertTrue(any(message.endswith("20  value /score") for message in messages), messages)

    def test_versions_that_agree_and_what_may_differ(self):
        for options, to in (([], new()), (["--ignore", "/score"], new("--change", "value"))):
            report, messages, status = self.shadow(10, "--share", "1", *options, to=to, idempotent=True)
            self.assertEqual((status, report["compared"], report["alike"]), (0, 10, 10), messages)

    def test_what_is_not_idempotent_is_sent_twice_only_if_told(self):
        report, _, status = self.shadow(5, "--share", "1", to=new("--change", "new"))
        self.assertEqual((status, report["compared"], report["kept_for_effects"]), (0, 0, 5))
        report, _, status = self.shadow(5, "--share", "1", "--shadow-effects", to=new("--change", "new"))
        self.assertEqual((status, report["by_kind"]), (5, {"new_member": 5}))

    def test_a_new_version_that_does_not_start_ends_the_run_before_it_begins(self):
        run = self.program("shadow", "--workers", "1", "--to", new("--no-start"), "--", *OLD)
        outcomes, messages, status = run.finish()
        self.assertEqual((outcomes, status), ([], 3))
        self.assertIn("the new version could not start", messages[-1])

    def test_wrong_use_is_named(self):
        status, said = self.refused("shadow", "--to", " ", "--", *OLD)
        self.assertEqual((status, "--to" in said), (2, True), said)
        status, said = self.refused("shadow", "--to", new(), "--share", "2", "--workers", "1", "--", *OLD)
        self.assertEqual((status, "share 2: 0 to 1" in said), (2, True), said)
        status, said = self.refused("rollout", "--to", new(), "--shares", "0.5,0.1", "--workers", "1",
                                    "--", *OLD)
        self.assertEqual((status, "rollout.shares 0.1" in said), (2, True), said)


class Rollout(PoolToolTest):
    def rollout(self, count, to):
        run = self.program("rollout", "--workers", "1", "--shares", "0.3,1", "--stage-requests", "10",
                           "--latency-ratio-max", "1000000",  # a loaded machine is no slower version
                           "--to", to, "--", *OLD)
        run.write("".join(request("answer", id=number) for number in range(count)))
        return run.finish()

    def test_a_good_version_takes_over_and_nothing_fails(self):
        outcomes, messages, status = self.rollout(300, new("--change", "new"))
        self.assertEqual(status, 0, messages)
        self.assertTrue(any("rollout: done" in message for message in messages), messages)
        self.assertEqual({outcome["outcome"] for outcome in outcomes}, {"ok"})
        self.assertIn("more", outcomes[-1]["result"])

    def test_a_bad_version_is_taken_back_by_itself(self):
        outcomes, messages, status = self.rollout(300, new("--change", "error"))
        self.assertEqual(status, 5, messages)
        self.assertTrue(any("rollout: rolled_back: the new version failed 3 of 3" in message
                            for message in messages), messages)
        failed = [outcome for outcome in outcomes if outcome["outcome"] != "ok"]
        self.assertLess(len(failed), 10)
        self.assertEqual(len(outcomes), 300)


if __name__ == "__main__":
    unittest.main()
