"""What all unit tests share."""

import pytest

pytest.register_assert_rewrite("tests.unit.model_suite")
