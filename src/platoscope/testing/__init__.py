"""For tests of code that uses Platoscope: tiny models, slow references, and strategies for Hypothesis.

`platoscope.testing.models` saves random models of real architectures that load without a download (needs
``platoscope[models]``), `platoscope.testing.references` has every measure as a loop that can be read, and
`platoscope.testing.strategies` draws the arrays on which fast code breaks (needs ``platoscope[testing]``).
"""
