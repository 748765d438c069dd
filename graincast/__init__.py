"""Grain graphs, features and models for predicting abnormal grain growth."""
