"""Parts of the DSPex commands that need no worker: what is kept, for how long, and what tools may do."""

import unittest

import harness  # noqa: F401  (the path)

from dspex.build_cache import BuildCache
from dspex.names import sanitized_names
from dspex.programs import Program, ProgramStore
from dspex.tools import calculate, check_tools, find_tools
from ordeal_worker import WorkerError

SIGNATURE = {"inputs": ["question"], "outputs": ["answer"]}


def program(name="p", **how):
    return Program(name, dict(SIGNATURE, **how.pop("signature", {})), "dspy", **how)


class Building(unittest.TestCase):
    def setUp(self):
        self.built = []
        self.cache = BuildCache(lambda given: self.built.append(given.id) or given.id, entries_max=2)

    def test_the_same_recipe_is_built_once_whatever_it_is_called(self):
        self.assertEqual([self.cache.get(program(name)) for name in "abc"], ["a"] * 3)

    def test_whatever_changes_the_program_changes_the_recipe(self):
        variants = (
            {},
            {"signature": {"instructions": "Be brief."}},
            {"signature": {"outputs": ["answer", "score"]}},
            {"signature": {"outputs": [{"name": "answer", "type": "int"}]}},
            {"signature": {"inputs": [{"name": "question", "description": "what is asked"}]}},
            {"program_type": "react"},
            {"program_type": "react", "tools": []},
            {"program_type": "react", "max_iters": 3},
        )
        recipes = [repr(program(**dict(how)).recipe()) for how in variants]
        self.assertEqual(len(set(recipes)), len(variants))

    def test_the_one_not_used_for_longest_goes(self):
        a, b, c = (program(name, signature={"outputs": [name]}) for name in "abc")
        for each in (a, b, a, c, a, b):
            self.cache.get(each)
        self.assertEqual(self.built, ["a", "b", "c", "b"])
        self.assertEqual(self.cache.report(), {"entries": 2, "entries_max": 2, "built": 4, "found": 2})


class Keeping(unittest.TestCase):
    def test_a_worker_of_a_pool_forgets_the_oldest_session_before_it_grows_without_end(self):
        store = ProgramStore(programs_max=3)
        for session in range(5):
            store.make_room(may_forget=True)
            store.add(str(session), program())
        self.assertEqual((len(store), store.session_count()), (3, 3))
        with self.assertRaises(WorkerError):
            store.get("0", "p")

    def test_alone_it_refuses_since_nobody_else_has_the_old_ones(self):
        store = ProgramStore(programs_max=1)
        store.add("s", program())
        with self.assertRaises(WorkerError) as caught:
            store.make_room(may_forget=False)
        self.assertEqual(caught.exception.type, "TooManyPrograms")


class Names(unittest.TestCase):
    def test_different_names_get_different_identifiers(self):
        names = ["a b", "a_b", "a-b", "1", "_", "ä", "self", "", "config", "trajectory"]
        mapping = sanitized_names(names)
        self.assertEqual(len(set(mapping.values())), len(names))
        self.assertTrue(all(name.isidentifier() and name.isascii() for name in mapping.values()), mapping)
        self.assertFalse({"self", "config", "trajectory"} & set(mapping.values()))


class Tools(unittest.TestCase):
    def test_a_calculation_is_one_and_nothing_else(self):
        self.assertEqual(calculate("2 * (3 + 4) - -1"), 15)
        for code in ("__import__('os')", "2 ** 9999999", "x", "'a' * 9", "(1).real", "True + 1"):
            with self.assertRaises(ValueError):
                calculate(code)

    def test_a_program_may_name_them_or_take_all(self):
        self.assertEqual(find_tools(check_tools(["calculate"])), [calculate])
        self.assertIn(calculate, find_tools(check_tools(None)))
        self.assertEqual(find_tools(check_tools([])), [])
        for wrong in (["fly"], "calculate", 7):
            with self.assertRaises(WorkerError):
                check_tools(wrong)

    def test_an_agent_may_not_run_for_ever(self):
        for wrong in (0, 101, "3", 2.5, True):
            with self.assertRaises(WorkerError):
                program(program_type="react", max_iters=wrong)


if __name__ == "__main__":
    unittest.main()
