"""Files that may wait for time alone, each with its reason. Needless entries are reported."""

ALLOWED_WAITS = {
    "python_mock/mock_gemini.py": "the stand-in for a model takes the time that it is told to",
    "python_mock/ordeal_worker/startup.py": "a scripted fault: the start that takes its time",
    "python_mock/ordeal_worker/zoo/calls.py": "scripted faults: sleep, late_reply, hang",
    "python_mock/ordeal_worker/zoo/wire.py": "scripted faults: pauses inside and between frames",
}
