# What one may call from Python. Made by packaging/make_help.py.

from os import PathLike
from typing import List, Literal, Mapping, Optional, Tuple, TypedDict, TypeVar, Union, overload

from typing_extensions import Required, Unpack

from datarobot_batch_scoring.run.score import Result
from datarobot_batch_scoring.settings.settings import Settings

__version__: str

# As text, each value is what it would be in the ini file.
_Flag = Union[bool, str, None]
_Whole = Union[int, str, None]
_Seconds = Union[float, str, None]
_Names = Union[List[str], Tuple[str, ...], str, None]
_Headers = Union[List[Tuple[str, str]], List[str], str, None]
_Path = Union[str, PathLike[str]]
_Delimiter = Literal['\t', ' ', '!', ',', ';', '\\t', 'pipe', 'space', 'tab', '|']
_Frame = TypeVar('_Frame')

class _BatchScoring(TypedDict, total=False):
    project_id: Required[str]
    model_id: Required[str]
    dataset: Optional[_Path]
    host: Required[str]
    user: Optional[str]
    password: Optional[str]
    api_token: Optional[str]
    create_api_token: _Flag
    datarobot_key: Optional[str]
    api_version: Optional[Literal['predApi/v1.0', 'api/v1']]
    protocol: Optional[Literal['datarobot']]
    query: Optional[str]
    header: _Headers
    client_cert: Optional[_Path]
    client_key: Optional[_Path]
    ca_bundle: Optional[_Path]
    no_verify_ssl: _Flag
    out: Optional[_Path]
    keep_cols: _Names
    send_cols: _Names
    drop_cols: _Names
    pred_cols: _Names
    class_names: _Names
    max_prediction_explanations: _Whole
    explanation_details: _Flag
    extra_cols: _Names
    pred_name: Optional[str]
    pred_threshold: Optional[str]
    pred_decision: Optional[str]
    output_delimiter: Optional[_Delimiter]
    skip_row_id: _Flag
    bad_rows: Optional[_Path]
    max_bad_rows: _Whole
    n_samples: _Whole
    auto_sample: _Flag
    n_concurrent: _Whole
    rows_per_second: _Seconds
    requests_per_second: _Seconds
    n_retry: _Whole
    timeout: _Seconds
    compress: _Flag
    delimiter: Optional[_Delimiter]
    encoding: Optional[str]
    rows: _Whole
    empty_ok: _Flag
    skip_dialect: _Flag
    fast: _Flag
    field_size_limit: _Whole
    scheduler: Optional[str]
    storage_options: Optional[_Path]
    resume: _Flag
    no_resume: _Flag
    yes: _Flag
    no: _Flag
    check: _Flag
    dry_run: _Flag
    verbose: _Flag
    stdout: _Flag
    log: Optional[_Path]
    report: Optional[_Path]

class _BatchScoringDeploymentAware(TypedDict, total=False):
    deployment_id: Required[str]
    dataset: Optional[_Path]
    host: Required[str]
    user: Optional[str]
    password: Optional[str]
    api_token: Optional[str]
    create_api_token: _Flag
    datarobot_key: Optional[str]
    api_version: Optional[Literal['predApi/v1.0', 'api/v1', 'api/v2']]
    protocol: Optional[Literal['datarobot', 'drum']]
    query: Optional[str]
    header: _Headers
    client_cert: Optional[_Path]
    client_key: Optional[_Path]
    ca_bundle: Optional[_Path]
    no_verify_ssl: _Flag
    out: Optional[_Path]
    keep_cols: _Names
    send_cols: _Names
    drop_cols: _Names
    pred_cols: _Names
    class_names: _Names
    max_prediction_explanations: _Whole
    explanation_details: _Flag
    extra_cols: _Names
    pred_name: Optional[str]
    pred_threshold: Optional[str]
    pred_decision: Optional[str]
    output_delimiter: Optional[_Delimiter]
    skip_row_id: _Flag
    bad_rows: Optional[_Path]
    max_bad_rows: _Whole
    n_samples: _Whole
    auto_sample: _Flag
    n_concurrent: _Whole
    rows_per_second: _Seconds
    requests_per_second: _Seconds
    n_retry: _Whole
    timeout: _Seconds
    compress: _Flag
    delimiter: Optional[_Delimiter]
    encoding: Optional[str]
    rows: _Whole
    empty_ok: _Flag
    skip_dialect: _Flag
    fast: _Flag
    field_size_limit: _Whole
    scheduler: Optional[str]
    storage_options: Optional[_Path]
    resume: _Flag
    no_resume: _Flag
    yes: _Flag
    no: _Flag
    check: _Flag
    dry_run: _Flag
    verbose: _Flag
    stdout: _Flag
    log: Optional[_Path]
    report: Optional[_Path]

class _BatchScoringSse(TypedDict, total=False):
    import_id: Optional[str]
    dataset: Optional[_Path]
    host: Required[str]
    api_token: Optional[str]
    create_api_token: _Flag
    api_version: Optional[Literal['predApi/v1.0', 'api/v1']]
    protocol: Optional[Literal['datarobot', 'drum', 'mlflow', 'v2']]
    request_format: Optional[str]
    outputs: _Names
    query: Optional[str]
    header: _Headers
    client_cert: Optional[_Path]
    client_key: Optional[_Path]
    ca_bundle: Optional[_Path]
    no_verify_ssl: _Flag
    out: Optional[_Path]
    keep_cols: _Names
    send_cols: _Names
    drop_cols: _Names
    pred_cols: _Names
    class_names: _Names
    max_prediction_explanations: _Whole
    explanation_details: _Flag
    extra_cols: _Names
    pred_name: Optional[str]
    pred_threshold: Optional[str]
    pred_decision: Optional[str]
    output_delimiter: Optional[_Delimiter]
    skip_row_id: _Flag
    bad_rows: Optional[_Path]
    max_bad_rows: _Whole
    n_samples: _Whole
    auto_sample: _Flag
    n_concurrent: _Whole
    rows_per_second: _Seconds
    requests_per_second: _Seconds
    n_retry: _Whole
    timeout: _Seconds
    compress: _Flag
    delimiter: Optional[_Delimiter]
    encoding: Optional[str]
    types: Optional[_Path]
    rows: _Whole
    empty_ok: _Flag
    skip_dialect: _Flag
    fast: _Flag
    field_size_limit: _Whole
    scheduler: Optional[str]
    storage_options: Optional[_Path]
    resume: _Flag
    no_resume: _Flag
    yes: _Flag
    no: _Flag
    check: _Flag
    dry_run: _Flag
    verbose: _Flag
    stdout: _Flag
    log: Optional[_Path]
    report: Optional[_Path]

@overload
def make_settings(
    command: Literal['batch_scoring'], environ: Optional[Mapping[str, str]] = None,
    **options: Unpack[_BatchScoring]) -> Settings: ...

@overload
def make_settings(
    command: Literal['batch_scoring_deployment_aware'], environ: Optional[Mapping[str, str]] = None,
    **options: Unpack[_BatchScoringDeploymentAware]) -> Settings: ...

@overload
def make_settings(
    command: Literal['batch_scoring_sse'], environ: Optional[Mapping[str, str]] = None,
    **options: Unpack[_BatchScoringSse]) -> Settings: ...

def score(settings: Settings) -> Result: ...

def score_frame(
    settings: Settings, frame: _Frame, bad_rows: Optional[List[Tuple[int, str]]] = None) -> _Frame: ...
