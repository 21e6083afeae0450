"""What `attack.py` does to Platoscope."""
