"""Encoders: patches of grains and boundaries compressed to a few numbers each, learned without growth results.

Programs import a method's module by name and registry.py lists the methods, so changing or adding one method does not
make another's results stale.
"""
