"""What the stand-in for Gemini (mock_gemini.py) knows: prompts, schemas, scripted faults. No HTTP here."""
