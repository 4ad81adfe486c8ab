"""Items for each function of _auto_work and _auto_unseen: about half a second to a second of work in a loop.

No worker imports this.
"""

from __future__ import annotations

import array
from typing import Any

import _auto_unseen as unseen
from _auto_unseen import Unsized
from _auto_work import (
    a_little_python,
    absolute,
    adds_fractions,
    adds_one,
    adds_up,
    asks_sqlite,
    big_powers,
    collatz,
    compares_texts,
    compresses,
    compresses_best,
    compresses_well,
    copies_records,
    counts_primes,
    counts_words,
    decompresses,
    divides_decimals,
    draws_pi,
    fibonacci,
    finds_words,
    formats,
    half_and_half,
    hashes,
    hashes_its_bytes,
    length_of,
    makes_a_list,
    makes_a_tally,
    makes_bytes,
    mandelbrot,
    marks,
    medians,
    parses_json,
    permutes,
    quotes,
    reads_csv,
    remembers,
    runs_a_command,
    sleeps,
    sleeps_as_long_as_it_computes,
    sleeps_then_computes,
    small_loop,
    sorts,
    stats_files,
    stretches_a_password,
    sums_a_list,
    sums_squares,
    talks,
    wraps,
    writes_a_file,
    writes_json,
)

_BLOBS = [bytes([n]) * (2 << 20) for n in range(16)]
_LISTS = [list(range(n, n + 50_000)) for n in range(20)]
_ROWS = [[{"a": n, "b": str(n)} for n in range(2000)] for _ in range(10)]

CASES: dict[Any, list[Any]] = {
    sums_squares: [150_000] * 80, counts_primes: [6000] * 150, fibonacci: [20] * 700, collatz: [1500] * 100,
    draws_pi: [20_000] * 150,
    mandelbrot: list(range(120)) * 8, parses_json: list(range(1000)),
    writes_json: list(range(1000)), finds_words: list(range(1200)), sorts: list(range(120)),
    reads_csv: list(range(600)),
    divides_decimals: list(range(400)), adds_fractions: list(range(3000)), compares_texts: list(range(3000)),
    counts_words: list(range(1000)), wraps: list(range(600)), quotes: list(range(1000)), permutes: [7] * 800,
    big_powers: [60_000] * 600, medians: list(range(400)),
    adds_one: list(range(1_000_000)), formats: list(range(600_000)), absolute: list(range(1_000_000)),
    small_loop: list(range(150_000)),
    hashes: list(range(800)), stretches_a_password: [2000] * 600, compresses: list(range(120)),
    decompresses: list(range(600)), compresses_well: list(range(60)), compresses_best: list(range(2000)),
    asks_sqlite: list(range(250)), half_and_half: [8000] * 500, a_little_python: [2000] * 500,
    sleeps: [0.005] * 600, sleeps_then_computes: [500] * 200, sleeps_as_long_as_it_computes: [20_000] * 250,
    talks: list(range(300)), runs_a_command: list(range(200)), writes_a_file: list(range(150)),
    stats_files: list(range(3000)),
    makes_a_list: list(range(200)), makes_bytes: list(range(200)), length_of: _BLOBS * 2000, sums_a_list: _LISTS * 40,
    hashes_its_bytes: _BLOBS * 10, copies_records: _ROWS * 80,
}  # fmt: skip

STATEFUL: dict[Any, list[Any]] = {
    remembers: list(range(600)), adds_up: list(range(600)), makes_a_tally: list(range(600)),
    marks: [{"n": n} for n in range(600)],
}  # fmt: skip

_NUMBERS = [[float((x * 7919 + n) % 100_003) for x in range(20_000)] for n in range(10)]
_ARRAYS = [array.array("d", range(100_000)) for n in range(10)]

UNSEEN: dict[Any, list[Any] | Unsized] = {
    unseen.parses_xml: list(range(500)), unseen.reads_structs: list(range(500)),
    unseen.encodes_base64: list(range(300)),
    unseen.zips: list(range(150)), unseen.parses_mail: list(range(1500)), unseen.compiles: list(range(100)),
    unseen.walks_a_syntax_tree: list(range(100)), unseen.tokenizes: list(range(100)),
    unseen.sleeps_briefly: [0.0003] * 2000, unseen.sleeps_long: [0.1] * 8, unseen.computes_long: [1_000_000] * 6,
    unseen.is_slow_now_and_then: list(range(1200)), unseen.waits_now_and_then: list(range(500)),
    unseen.waits_for_an_event: [0.004] * 200, unseen.waits_for_a_queue: [0.002] * 250, unseen.selects: [0.003] * 250,
    unseen.deep_copies: list(range(800)), unseen.parses_dates: list(range(200)),
    unseen.counts_addresses: list(range(150)),
    unseen.compares_letters: [("kitten on the mat" * 3, "sitting at the met" * 3)] * 600,
    unseen.makes_rows: list(range(1000)), unseen.sorts_a_list: _NUMBERS * 15, unseen.sums_an_array: _ARRAYS * 25,
    unseen.decodes: list(range(250)), unseen.deflates_a_little: list(range(4000)),
    unseen.hashes_a_little: list(range(200_000)), unseen.hashes_in_parts: list(range(1500)),
    unseen.reads_a_file: list(range(20_000)), unseen.walks_folders: list(range(1500)),
    unseen.runs_python: list(range(30)),
    unseen.writes_rows: list(range(60)), unseen.looks_up: list(range(500)), unseen.scales: [3000] * 2000,
    unseen.reads_words: list(range(100_000)), unseen.computes_what_comes: Unsized(*[20_000] * 300),
    unseen.sleeps_on_what_comes: Unsized(*[0.004] * 200),
}  # fmt: skip
_WITH_NUMPY: tuple[list[Any], ...] = (list(range(100)), list(range(150)), list(range(1000)), [])
if unseen.with_numpy:
    UNSEEN.update(zip(unseen.with_numpy, _WITH_NUMPY, strict=True))
    UNSEEN[unseen.halves_an_array] = [unseen.MANY] * 1500
