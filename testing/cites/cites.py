"""How a Python test says what it proves: the counterpart of cites.hpp.

    @cites(14, 15)
    @cites_bug_class(14)
    def test_...(self):

The numbers stay on the function; run_unittest.py writes them into the report of the tests that ran.
"""


def _citing(kind, numbers):
    def mark(test):
        test.citations = ["%s:%d" % (kind, number) for number in numbers] + getattr(
            test, "citations", [])
        return test
    return mark


def cites(*numbers):
    return _citing("invariant", numbers)


def cites_bug_class(*numbers):
    return _citing("bug", numbers)


def cites_property(*numbers):
    return _citing("property", numbers)
