"""Encoders: pictures of single grains and of boundaries as a few numbers each, learned without any growth result.

Programs import a method's module by its name, and which methods there are stands in registry.py, so that neither an
edit of one method nor a new one makes what another has learned stale.
"""
