"""Unit tests may be coroutines: they run in virtual time and never sleep."""

import inspect
import random

import pytest

from support import fake_clock


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    random.seed(0)  # pauses have jitter, and a test has one course
    fake_clock.run(pyfuncitem.obj(**arguments))
    return True
