# Only what a caller of `datarobot_batch_scoring.score` sees.

from typing import NamedTuple, Optional

class Result(NamedTuple):
    out: Optional[str]
    rows: int
    scored: int
    batches: int
    retries: int
    nulls: int
    seconds: float
    bad_rows: int
    server: str
    dataset: str
    limits: str
    short_lines: str
