from pellucid.testing import conformance

test_conformance = conformance("pellucid-trees")
