from bench.report import Row, table


def test_verdict_knows_upper_limits_from_rates():
    slow, fast = (
        Row("grid", "ms", [7, 8, 9], landing=6, aim=3),
        Row("grid", "ms", [2, 5, 4], landing=6, aim=3),
    )
    assert (slow.verdict(), fast.verdict()) == ("MISSED", "landing met")
    assert Row("grid", "ms", [3], landing=6, aim=3).verdict() == "aim met"
    assert Row("book", "bookings/s", [299], landing=300, aim=800).verdict() == "MISSED"
    assert Row("book", "bookings/s", [900, 800, 100], landing=300, aim=800).verdict() == "aim met"
    assert Row("race", "attempts/s", [900], aim=1000).verdict() == "aim missed"


def test_table_prints_the_median_the_spread_and_the_floor():
    lines = table([Row("book", "bookings/s", [400, 200, 300], floor=1200, landing=300)]).splitlines()
    assert lines[0].split() == ["work", "median", "runs", "floor", "of", "floor", "landing", "aim"]
    assert lines[1].split() == [
        "book",
        "300",
        "bookings/s",
        "200–400",
        "1,200",
        "0.25x",
        "300",
        "landing",
        "met",
    ]
