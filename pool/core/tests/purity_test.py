#!/usr/bin/env python3
"""The core is pure: what its library asks of the outside is memory, strings, and abort.

Usage: purity_test.py NM LIBRARY [--must-name SYMBOL]

Reads the undefined symbols of a static library and compares them with the allow-list below. So no
clock, thread, file, process, environment or random device can slip in, whatever header it hides
in. With --must-name the library is an impure example: the test passes only if SYMBOL is found.
"""
import re
import subprocess
import sys

# Each with the reason why it may stay. Whole demangled names, as regular expressions.
ALLOWED = [
    r"operator (new|delete)(\[\])?\(.*\)",  # memory
    r"mem(cpy|move|set|cmp|chr)", r"strlen",  # bytes
    r"std::__throw_[a-z_]+\(.*\)",  # containers at their limits
    r"std::__cxx11::basic_string<.*", r"std::__detail::_List_node_base::.*",  # containers
    r"std::__detail::_Prime_rehash_policy::.*", r"std::_Rb_tree_.*",
    r"std::terminate\(\)", r"std::exception::.*", r"(vtable|typeinfo) for std::.*",
    r"(vtable|typeinfo) for __cxxabiv1::.*",
    r"__cxa_(begin_catch|end_catch|rethrow|allocate_exception|free_exception|throw|bad_cast)",
    r"__cxa_(pure_virtual|throw_bad_array_new_length|atexit|guard_.*)", r"__dso_handle",
    r"__gxx_personality_v0", r"_Unwind_Resume", r"_GLOBAL_OFFSET_TABLE_",
    r"abort", r"__assert_fail",  # how an invariant ends the process, with its sentence
    r"sigabbrev_np",  # a table of signal names; reads nothing
    r"std::(to|from)_chars\(.*\)", r"std::__detail::__(to|from)_chars.*",  # numbers as text
    r"__stack_chk_fail", r"__(asan|ubsan|tsan|sanitizer|lsan)_.*",  # put in by compilers
]


def symbols(nm, library, *flags):
    """Names that `nm` lists, without types and the members' headings."""
    out = subprocess.run([nm, "-C", *flags, library], check=True, capture_output=True, text=True)
    lines = (re.match(r"\s*(?:[0-9a-f]+\s+)?[A-Za-z] (.*)", line) for line in out.stdout.splitlines())
    return {match.group(1) for match in lines if match}


def main():
    nm, library, *rest = sys.argv[1:]
    undefined = symbols(nm, library, "-u") - symbols(nm, library, "--defined-only")
    allowed = re.compile("|".join(f"(?:{pattern})" for pattern in ALLOWED))
    impure = sorted(name for name in undefined if not allowed.fullmatch(name))
    if not undefined:
        sys.exit(f"{library} has no undefined symbol at all: this test reads it wrongly")
    if rest:
        wanted = rest[rest.index("--must-name") + 1]
        if any(wanted in name for name in impure):
            return
        sys.exit(f"the impure example was not found out: no '{wanted}' among {impure}")
    if impure:
        sys.exit(f"{library} is not pure; it asks for:\n  " + "\n  ".join(impure))
    print(f"{len(undefined)} outside symbols, all on the allow-list")


if __name__ == "__main__":
    main()
