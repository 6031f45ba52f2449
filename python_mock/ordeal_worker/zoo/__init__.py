"""The animals of the zoo, by where they bite: calls (ordinary replies), wire (the stream), process (the process)."""
