"""Dates of recurrence rules, compared with a second library; recurrence_dates.py is the long form."""
import recurrence_dates


def test_rules_have_the_dates_that_dateutil_gives_them():
    assert list(recurrence_dates.differences(rules=500, seed=1)) == []
