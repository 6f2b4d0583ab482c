"""What every registered model is held to; one case for each check, named after the model and the check."""

from pellucid.testing import conformance

test_conformance = conformance("pellucid-svm")
