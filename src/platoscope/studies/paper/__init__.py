"""The paper's questions, one file per group of figures; each file says what its study departs in."""
