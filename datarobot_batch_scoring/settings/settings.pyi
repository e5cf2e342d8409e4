# Only what a caller of `datarobot_batch_scoring.make_settings` sees. Made by packaging/make_help.py.

from typing import List, NamedTuple, Optional, Tuple

class Settings(NamedTuple):
    command: str
    project_id: Optional[str]
    model_id: Optional[str]
    deployment_id: Optional[str]
    import_id: Optional[str]
    dataset: str
    host: str
    user: Optional[str]
    password: Optional[str]
    api_token: Optional[str]
    create_api_token: bool
    datarobot_key: Optional[str]
    api_version: str
    protocol: str
    request_format: str
    outputs: Tuple[str, ...]
    query: Optional[str]
    header: Tuple[Tuple[str, str], ...]
    client_cert: Optional[str]
    client_key: Optional[str]
    ca_bundle: Optional[str]
    no_verify_ssl: bool
    out: str
    keep_cols: Tuple[str, ...]
    send_cols: Tuple[str, ...]
    drop_cols: Tuple[str, ...]
    pred_cols: Tuple[str, ...]
    class_names: Tuple[str, ...]
    max_prediction_explanations: int
    explanation_details: bool
    extra_cols: Tuple[str, ...]
    pred_name: Optional[str]
    pred_threshold: Optional[str]
    pred_decision: Optional[str]
    output_delimiter: Optional[str]
    skip_row_id: bool
    bad_rows: Optional[str]
    max_bad_rows: int
    n_samples: Optional[int]
    n_concurrent: int
    rows_per_second: Optional[float]
    requests_per_second: Optional[float]
    n_retry: Optional[int]
    timeout: float
    compress: bool
    delimiter: Optional[str]
    encoding: Optional[str]
    types: Optional[str]
    rows: Optional[Tuple[int, int]]
    empty_ok: bool
    skip_dialect: bool
    fast: bool
    field_size_limit: int
    scheduler: Optional[str]
    storage_options: Optional[str]
    resume: Optional[bool]
    yes: bool
    no: bool
    check: bool
    dry_run: bool
    verbose: bool
    stdout: bool
    log: Optional[str]
    report: Optional[str]
    ini: Optional[str]
    unknown_keys: Tuple[str, ...]
    warnings: Tuple[str, ...]
    frame_types: Optional[List[Optional[str]]]
    @property
    def reads_stdin(self) -> bool: ...
    @property
    def writes_stdout(self) -> bool: ...
    @property
    def needs_cluster(self) -> bool: ...
    @property
    def needs_password(self) -> bool: ...
    @property
    def auto_sample(self) -> bool: ...
    @property
    def auto_concurrent(self) -> bool: ...
    @property
    def waits_for_server(self) -> bool: ...
    @property
    def max_retries(self) -> int: ...
    @property
    def first_row(self) -> int: ...
    @property
    def secrets(self) -> List[str]: ...
