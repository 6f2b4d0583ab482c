"""The pellucid command: list, fit, predict and demo any registered model."""

__version__ = "0.1.0"
