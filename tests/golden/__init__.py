"""What each version of the features gives for the same days, kept: a version that models have used never gives anything else.

`python -m tests.golden` writes the rows anew. That is for a new version; a difference in an old one is a defect.
"""
