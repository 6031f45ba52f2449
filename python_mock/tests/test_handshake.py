"""Host and worker agree in the start-up ping, and only on what the host has offered."""

import unittest

from harness import ALL_CAPABILITIES, MOCK_BRIDGE, WorkerTestCase


class Handshake(WorkerTestCase):
    def agreed(self, *flags, args=None, **offer):
        """What the worker says in `ordeal` when it is offered this."""
        worker = self.start(*flags)
        args = args if args is not None else {"ordeal": offer}
        return worker, worker.result("ping", args, request_id=0).get("ordeal")

    def test_all_that_is_offered_and_known_is_agreed(self):
        _, ordeal = self.agreed(protocol=1, capabilities=ALL_CAPABILITIES)
        self.assertEqual(ordeal, {"protocol": 1, "capabilities": ALL_CAPABILITIES, "slots": 1})

    def test_only_what_is_offered_is_agreed_and_it_is_sorted(self):
        _, ordeal = self.agreed(protocol=1, capabilities=["progress", "cancel"])
        self.assertEqual(ordeal["capabilities"], ["cancel", "progress"])

    def test_unknown_capabilities_and_members_are_passed_over(self):
        _, ordeal = self.agreed(protocol=1, capabilities=["telepathy", "cancel", 3, None], colour="red")
        self.assertEqual(ordeal["capabilities"], ["cancel"])

    def test_a_newer_host_gets_protocol_one(self):
        _, ordeal = self.agreed(protocol=9, capabilities=[])
        self.assertEqual(ordeal, {"protocol": 1, "capabilities": [], "slots": 1})

    def test_a_worker_that_insists_on_protocol_two_says_two(self):
        _, ordeal = self.agreed("--protocol", "2", protocol=1, capabilities=["cancel"])
        self.assertEqual(ordeal["protocol"], 2)

    def test_an_extra_capability_is_claimed_though_it_was_not_offered(self):
        _, ordeal = self.agreed("--extra-capability", "telepathy", protocol=1, capabilities=["cancel"])
        self.assertEqual(ordeal["capabilities"], ["cancel", "telepathy"])

    def test_a_host_that_offers_nothing_has_a_plain_bridge(self):
        worker, ordeal = self.agreed(args={"initialization": True, "worker_id": "7"})
        self.assertIsNone(ordeal)
        self.assert_plain(worker)

    def test_a_worker_told_to_be_plain_takes_no_offer(self):
        worker, ordeal = self.agreed("--protocol", "none", protocol=1, capabilities=ALL_CAPABILITIES)
        self.assertIsNone(ordeal)
        self.assert_plain(worker)

    def test_an_offer_that_makes_no_sense_is_no_offer(self):
        for offer in ("yes", None, [], {"capabilities": ["cancel"]}, {"protocol": "1"}, {"protocol": 0}):
            _, ordeal = self.agreed(args={"ordeal": offer})
            self.assertIsNone(ordeal, offer)

    def assert_plain(self, worker):
        """Errors are strings, the context is not looked at, and a cancel is never found."""
        self.assertRegex(worker.error("raise", {"kind": "value_error"}), "^ValueError: invalid literal")
        self.assertEqual(worker.error("no_such"), "UnknownCommand: Unknown command: no_such")
        self.assertIsNone(worker.result("describe_context", context={"label": "x"})["label"])
        request_id = worker.send("work_until_cancelled", {"patience_s": 0})
        worker.send("$cancel", request_id=request_id)
        self.assertEqual(worker.receive()["result"], "nobody cancelled")
        self.assert_still_serves(worker)

    def test_a_ping_tells_the_worker_id_of_the_host_and_what_the_bridge_adds(self):
        reply = self.start("--mode", "pool-worker").shake_hands()
        result = reply["result"]
        self.assertEqual((result["status"], result["worker_id"]), ("ok", "7"))
        self.assertEqual((result["mode"], result["sample"]), ("pool-worker", True))
        self.assertIsInstance(reply["timestamp"], float)

    def test_a_session_in_the_context_alone_is_agreed_by_a_bridge_that_looks_there(self):
        offer = {"protocol": 1, "capabilities": ["context", "session"]}
        _, ordeal = self.agreed(**offer)
        self.assertEqual(ordeal["capabilities"], ["context"])
        mock = self.start(bridge=MOCK_BRIDGE)
        self.assertEqual(mock.result("ping", {"ordeal": offer}, request_id=0)["ordeal"]["capabilities"],
                         ["context", "session"])
        plain = self.start(bridge=MOCK_BRIDGE)
        offer["capabilities"] = ["session"]
        self.assertEqual(plain.result("ping", {"ordeal": offer}, request_id=0)["ordeal"]["capabilities"], [])

    def test_a_later_ping_negotiates_nothing(self):
        worker = self.start_ready(capabilities=None)
        result = worker.result("ping", {"ordeal": {"protocol": 1, "capabilities": ["error_object"]}})
        self.assertNotIn("ordeal", result)
        self.assertIsInstance(worker.error("no_such"), str)


class CommandLine(WorkerTestCase):
    def test_flags_of_the_bridge_are_left_to_it(self):
        worker = self.start_ready("--mode", "pool-worker", "--worker-id", "w1", "--colour", "red", capabilities=None)
        self.assertEqual(
            worker.result("extra_arguments"),
            {"extra": ["--colour", "red"], "mode": "pool-worker", "worker_id": "7"},
        )

    def test_a_value_that_makes_no_sense_ends_the_start_with_a_message(self):
        for flags in (
            ["--max-frame-bytes", "0"],
            ["--start-delay-ms", "-1"],
            ["--start-fail", "sometimes"],
            ["--start-fail", "2"],
            ["--protocol", "3"],
        ):
            worker = self.start(*flags)
            self.assertEqual(worker.wait_exit(), 2, flags)
            self.assertIn(flags[0], worker.stderr_text())


if __name__ == "__main__":
    unittest.main()
