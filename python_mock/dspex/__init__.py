"""The 16 commands of a DSPex bridge over any engine, so that the mock and the real one behave alike.

commands.py is the table, programs.py what a worker holds, answers.py the answers of everything that is a mock.
"""

from .commands import DspexCommands

__all__ = ["DspexCommands"]
