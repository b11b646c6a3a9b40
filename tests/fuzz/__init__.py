"""Damaged input by the thousand: ``python -m tests.fuzz``; a small fixed part of it runs with the tests."""
