"""How good a lifter is: streams with known truth, measures of the answers, and their report."""
