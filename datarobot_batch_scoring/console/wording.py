"""What every error says, by its kind: (what happened and where, what to do about it), made for its reader.

`usage_messages` has those of the command line and of files, this module all others.
`{file}` is a fact of the error. In a hint, `{--encoding}` is an option as the user gives it,
`{resume}` is ' with --resume' where the run can be resumed and '' elsewhere, and
`{and_resume}` the same behind another 'with'. `packaging/make_failures.py` makes
docs/failures.rst from both: run it after a change.
"""

from __future__ import absolute_import, unicode_literals

RESUME = 'Rerun{resume}.'
NAME_ENCODING = 'Set the encoding with {--encoding}, or repair the line and rerun{resume}.'
OR_SET_ASIDE = ' Or set such rows aside with {--bad_rows}=<file>.'
PAGE = 'It may be a proxy or network sign-in page. Check --host, HTTP_PROXY and HTTPS_PROXY.'
TRAINED_ON = 'the model expects those that it was trained on.'

CONTENT = {
    'no_encoding': (
        'The encoding of {file} cannot be detected.', 'Set it with {--encoding} (latin-1, cp1252, cp932, ...).'),
    'encoding': (
        'The encoding of {file} cannot be detected.',
        'Set {--encoding} to the one that reads it correctly.'),
    'byte': (
        'Line {line} of the dataset cannot be read: byte {byte} does not fit the encoding {codec}.',
        NAME_ENCODING + OR_SET_ASIDE),
    'half_pair': (
        'Line {line} of the dataset cannot be read: it contains half a surrogate pair.',
        NAME_ENCODING + OR_SET_ASIDE),
    'undecodable': ('Line {line} of the dataset cannot be read: {reason}', NAME_ENCODING),
    'nul': (
        'Line {line} of the dataset cannot be read: it contains a NUL byte.',
        'Remove it; or, if the file is UTF-16 or UTF-32 without a byte-order mark, set {--encoding}, such as to '
        'utf-16-le.' + OR_SET_ASIDE),
    'many_fields': (
        'Line {line} of the dataset has {fields} fields, but the header has {columns}.',
        'Repair the line, then rerun{resume}. If every line is like that, set {--delimiter}.' + OR_SET_ASIDE),
    'last_delimiters': (
        'Line {line} of the dataset has {fields} fields, but the header has {columns}.',
        'The line ends with a delimiter and the header does not: remove it, then rerun{resume}; or, if every line '
        'ends like that, add one to the header.' + OR_SET_ASIDE),
    'long_field': (
        'The field that starts on line {line} is longer than {limit} characters.',
        'It may contain an unclosed quote. If the field is valid, increase {--field_size_limit}.'),
    'open_quote': (
        'The quote that opens on line {line} of the dataset is never closed.',
        'Close or remove it, then rerun{resume}.'),
    'dataset_changed': (
        'The dataset {file} changed while it was being read{difference}.',
        'Wait until the file is no longer being written, then rerun{resume}; if rows that were scored have changed, '
        'start over with {--no-resume}.'),
    'multiline': (
        'Line {line} of the dataset begins a multiline field, which --fast does not support.',
        'Rerun without {--fast}.'),
    'json_key': (
        'Line {line} of the dataset cannot be sent: it has the key {what}, which the first line lacks.',
        'Repair the line, or give every line the keys of the first one, then rerun{resume}.' + OR_SET_ASIDE),
    'json_twice': (
        'Line {line} of the dataset cannot be sent: the key {what} is duplicated.',
        'Repair the line, then rerun{resume}.' + OR_SET_ASIDE),
    'json_depth': (
        'Line {line} of the dataset cannot be sent: its values are nested deeper than {what} levels.',
        'Repair the line, then rerun{resume}.' + OR_SET_ASIDE),
    'json_syntax': (
        'Line {line} of the dataset cannot be sent: it is not a JSON object ({what}).',
        'Repair the line, then rerun{resume}: JSON Lines has one object per line.' + OR_SET_ASIDE),
    'json_empty': (
        'Line {line} of the dataset is an object without keys{what}, so the dataset has no columns.',
        'The keys of the first line are the columns.'),
    'long_line': (
        'Line {line} of the dataset is longer than {limit} MiB.',
        'JSON Lines has one object per line: is a line end missing?'),
    'parquet_column': (
        'The column {column} of {file} cannot be sent: its type is {type}.',
        'Leave it out of the file, or export it as text.'),
    'parquet_damaged': (
        'The Parquet file {file} is damaged: {reason}.', 'Get a complete copy, then rerun{resume}.'),
    'parquet_footer': (
        'The Parquet file {file} is damaged: its footer contradicts itself.',
        'Get a complete copy, then rerun{resume}.'),
    'no_frame': ('score_frame takes a pandas or polars DataFrame, not {type}.', ''),
    'frame_setting': ('score_frame does not support the setting {name}.', ''),
    'frame_name': ('Column {column} of the frame needs a unique text name.', 'Rename it.'),
    'frame_empty': ('The frame has no rows or no columns.', ''),
    'frame_column': (
        'The column {column} of the frame cannot be sent: it has a value of type {type}.',
        'Leave the column out, or convert it to text.'),
    'parquet_stream': (
        'A Parquet file cannot be read from standard input: its index is at its end.', 'Name the file as the dataset.'),
    'model_columns': (
        'The dataset lacks column {column}, which model {model} requires.', 'It has the columns: {columns}.'),
    'model_columns_twice': (
        'Column {column}, which model {model} requires, is duplicated in the dataset.',
        'Every column that is sent needs its own name.'),
    'model_columns_left_out': (
        '--{option} leaves out column {column}, which model {model} requires.', 'It requires: {columns}.'),
    'model_needs_token': (
        'The server describes its models only to clients with a token (status {status}), and only the workers of the '
        'cluster may have one.',
        'Set {variable} for this command too, and use a tls:// scheduler.'),
    'type_of_value': (
        'Row {row} (dataset line {line}): {value} in column {column} does not fit its type, {type}.',
        'Repair it, then rerun{resume}; or set another type for the column with {--types}, and start over.'),
    'type_of_missing': (
        'Row {row} (dataset line {line}): column {column} has no value, but its type, {type}, requires one.',
        'Repair it, then rerun{resume}; or set another type for the column with {--types}, and start over.'),
    'gzip_damaged': (
        'The gzip file {file} is damaged: {reason}.', 'Get a complete copy, then rerun{resume}.'),
    'gzip_followed': (
        'The gzip file {file} is followed by data that is not gzip.',
        'Decompress it, inspect its end, and score the decompressed file.'),
}

RESUMING = {
    'cannot_resume': ('{file} cannot be resumed: {difference}.', '{remedy}, or start over with {--no-resume}.'),
    'other_carrier': (
        '{file} cannot be resumed: its checkpoint comes from a run {how} --scheduler.',
        'Resume it {how} --scheduler, or start over with {--no-resume}.'),
    'kept': ('Nothing changed: the {file_kind} was kept.', ''),
    'no_answer': ('No answer to: {question}', 'Answer it with {options}.'),
    'nobody': ('Cannot prompt when called from Python: {question}', 'Set one of these to True: {options}.'),
    'stdin_taken': (
        'Cannot prompt because standard input is the dataset: {question}', 'Answer it with {options}.'),
}

SERVER = {
    'no_connection': (
        'No connection to {host}: {reason}.', 'Check --host, the network, the proxy and the TLS options.'),
    'no_connection_before': (
        'No connection to {host} for {noun}: {reason}.', 'Check --host, the network and the proxy.'),
    'unknown_host': ('No connection to {host}: {reason}.', 'Check --host: no host has that name.'),
    'other_scheme': ('No connection to {host}: {reason}.', ''),
    'other_scheme_before': ('No connection to {host} for {noun}: {reason}.', ''),
    'not_ready': (
        '{host} was not ready within {seconds} seconds: {reason}.',
        'Check that the server starts, or increase {--timeout}.'),
    'status': ('The server rejected {what} with status {status}.', '{remedy}'),
    'rejected': ('The server rejected the request ({status}){said}. No row was scored.', '{remedy}'),
    'redirect': (
        'The server answered {what} with a redirect ({status}){target}, which is not followed: that would send the '
        'key to another host.', '{remedy}'),
    'large_row': (
        'Row {row} (dataset line {line}) is too large for the server (status {status}).',
        'A single row cannot be split: shorten it, then rerun{resume}.'),
    'row_to_blame': (
        '{refusal} The cause is row {row} (dataset line {line}): without it, the server accepts the batch.',
        '{short}Repair the line, or set such rows aside with {--bad_rows}=<file>, then rerun{resume}.'),
    'many_bad_rows': (
        'Bad-row limit ({limit}) exceeded at row {row} (dataset line {line}).',
        'Earlier bad rows are in {file}. To continue, rerun with a higher {--max_bad_rows}{and_resume}.'),
    'none_sendable': (
        'None of the {number} rows can be sent. The first is row {row} (dataset line {line}).',
        'Check {--encoding} and {--delimiter}.'),
    'none_accepted': (
        'The server rejected {number} single rows and accepted none: suspect the model or columns, not the rows. The '
        'first is row {row} (dataset line {line}).',
        'Check the ids and the columns of the dataset: ' + TRAINED_ON),
    'check': (
        '{host} returned no predictions: {reason}.',
        'A run would retry this. Check the server, --host and the model.'),
    'not_ready_once': ('{host} is not ready: {reason}.', 'A run would wait for it, up to {--timeout}.'),
    'page': ('{host} returned no predictions: {reason}.', PAGE),
    'other_shape': (
        '{host} returned no predictions: {reason}.',
        'Check --host, --protocol and the model: time series models, for example, return more or fewer rows than '
        'they receive.'),
    'wrong_password': ('The server did not accept the password of user {user}.', 'Check --user and --password.'),
    'no_token': (
        'The server has no API token for {user}.',
        'Create one with {--create_api_token}, or pass one with {--api_token}.'),
    'no_new_token': ('The server has no API token for {user}.', ''),
    'odd_token': (
        'The server returned no API token: unexpected response.', 'Check --host and --api_version.'),
    'page_for_token': ('The server returned no API token: unexpected response.', PAGE),
    'retries': (
        'Rows {row} to {last} could not be scored in {tries}: {reason}.',
        'When the server recovers, rerun{resume}.'),
    'large_answer': (
        'The response for {rows} rows is larger than {limit} bytes.',
        'Check --host. If the responses are valid, lower {--n_samples}.'),
    'no_threshold': ('The server sends no prediction threshold.', 'Rerun without {--pred_threshold}.'),
    'threshold_unknown': ('--pred_threshold: the server sends no prediction threshold.', 'Rerun without it.'),
    'no_decision': (
        '--pred_decision: the server returns values only, no class.', 'Rerun without it.'),
    'class_count': (
        '--class_names has {number} names, but a row of the response has {values} values.',
        'Pass one name per value, in order.'),
    'own_names': (
        '--class_names: the response has its own names.',
        'Rerun without it: the columns get the names that the server sends.'),
}

THE_RUN = {
    'interrupted': ('Interrupted.', ''),
    'terminated': ('Terminated by a signal.', ''),
    'no_threads': (
        'No more threads can be started.',
        'Increase the process limit (ulimit -u, or that of the container), or lower {--n_concurrent}.'),
    'no_files': (
        'Too many open files.',
        'Increase the open-file limit (ulimit -n), or lower {--n_concurrent}.'),
    'process_ended': ('The {role} process ended unexpectedly: {reason}.', RESUME),
    'process_hangs': ('The {role} process does not respond.', RESUME),
    'no_process': ('Cannot start a process: {reason}.', ''),
    'working_directory': (
        'Cannot start processes in the working directory: {reason}.', 'Change to another directory.'),
    'unguarded': (
        'The main module would start the run again in each of its processes.',
        "Put its code under: if __name__ == '__main__':"),
    'script_on_stdin': ('Cannot start processes from a script on standard input here.', 'Run the script from a file.'),
    'daemonic': (
        'A run starts processes, which a daemonic process cannot.',
        'Call score() from a non-daemonic process, not from a multiprocessing.Pool worker.'),
    'bug': (
        'Unexpected error in the {role} process: {error}.',
        'The details are in the log. Rerun{resume}.'),
    'incomplete': ('The run ended without an error but is incomplete.', ''),
}

CLUSTER = {
    'single_file': (
        '{what} is unavailable in the single-file executable.',
        'Install the package with its extra dask instead: in its sources, pip install ".[dask]".'),
    'old_python': ('{what} requires Python 3.9 or later; this is {version}.', ''),
    'no_extra': (
        '{what} requires the extra {extra}, which is not installed.',
        'In the sources of this package, run: pip install ".[{extra}]"'),
    'no_package': ('{scheme}:// requires a package that is not installed.', 'See the documentation of fsspec.'),
    'no_filesystem': ('fsspec cannot open {url}.', ''),
    'storage_unreadable': ('The file of --storage_options cannot be read: {file} ({reason}).', ''),
    'storage_format': (
        'The file of --storage_options is not JSON with one object per scheme: {file}.',
        'It should look like: {{"s3": {{"endpoint_url": "https://..."}}}}'),
    'storage_large': ('The file of --storage_options is larger than {limit} bytes: {file}.', ''),
    'storage_deep': ('The file of --storage_options is nested too deeply: {file}.', ''),
    'storage_option': ('--storage_options: {scheme} has an unknown option.', ''),
    'plain_credentials': (
        'Refusing to send credentials to {scheduler} unencrypted.',
        'Pass none here and set {variables} in the environment of the workers, or use tls://.'),
    'plain_secrets': (
        'Refusing to send the value of --{option} to {scheduler} unencrypted.',
        'Use tls://.'),
    'plain_url': (
        'Refusing to send the secret in the URL {file} to {scheduler} unencrypted.',
        'Set it in the environment of the workers, as the store documents, or use tls://.'),
    'plain_storage': (
        'Refusing to send the secrets of --storage_options ({names}) to {scheduler} unencrypted.',
        'Set them in the environment of the workers, as the store documents, or use tls://.'),
    'no_scheduler': (
        'The scheduler {scheduler} does not respond.',
        'Start one with: dask scheduler. Its first lines show the address.'),
    'silent_scheduler': (
        'The scheduler {scheduler} accepts connections but does not respond.',
        'Check its port, and whether it requires tls://. The first lines of dask scheduler show the address.'),
    'http_scheduler': (
        '{scheduler} responds in HTTP: that is not the port of a scheduler.',
        'It may be the port of the dashboard. The first lines of dask scheduler show the address.'),
    'no_local_cluster': (
        'Cannot start a cluster on this machine: {reason}.',
        'Its processes must be able to write to /dev/shm and to the directory for temporary files.'),
    'no_tls_certificates': (
        'No certificates for {scheduler}.',
        'Name them in the environment: DASK_DISTRIBUTED__COMM__TLS__CA_FILE, ..__TLS__CLIENT__CERT and '
        '..__TLS__CLIENT__KEY.'),
    'no_workers': (
        'The scheduler {scheduler} has no workers.', 'Start some with: dask worker {scheduler}'),
    'package_missing': (
        'The workers do not have the package datarobot_batch_scoring.',
        'Install it there, from its sources: pip install ".[dask]"'),
    'other_version': (
        'The worker {worker} has version {found} of datarobot_batch_scoring; this is {version}.',
        'Install the same version everywhere.'),
    'workers_fail': ('The workers cannot start: {reason}.', ''),
    'streams_on_cluster': (
        '--scheduler does not support standard input and output.', 'Name a file, or the URL of one.'),
    'not_a_folder': ('The output {file} is not a directory.', ''),
    'no_dataset': ('The dataset {file} does not exist.', ''),
    'no_length': (
        'The server does not send a Content-Length for the dataset {file}.', 'Download it, and score the file.'),
    'no_ranges': (
        'The server of the dataset {file} does not support ranges.',
        'A cluster reads several ranges in parallel: download it, and score the file.'),
    'key_with_slash': ('The key of the {file_kind} {file} begins with a slash.', 'Remove it.'),
    'store': ('{file} cannot be used: {reason}.', 'Fix this, then rerun{resume}.'),
    'absent': ('{file} was removed during the run.', 'Check what else writes there, then rerun{resume}.'),
    'scheduler_gone': ('The scheduler {scheduler} is gone.', 'When it is back, rerun{resume}.'),
    'workers_gone': ('The cluster has no workers left.', 'Start some, then rerun{resume}.'),
    'task_failed': (
        'A cluster task failed {number} times: {task}.',
        'Its processes may be out of memory: check the worker logs, then rerun{resume}.'),
    'lease_lost': (
        'This run lost its lease on {file}: another run took over.',
        'It was suspended, or could not reach the store, for more than {seconds} s. The other run owns the output.'),
    'held': (
        'Another run is writing {file}.',
        'Wait for it to end, or name another file with {--out}. If it was killed, its lease expires in '
        '{seconds} s.'),
    'foreign_part': (
        '{file} appeared during the run and is not its output.',
        'Move it elsewhere, then rerun{resume}.'),
    'part_disturbed': ('Part {part} of the output was changed or removed.', 'Rerun with {--no-resume}.'),
}

# After these the output cannot be continued.
FINAL = frozenset(['disturbed', 'lease_lost', 'overtaken', 'part_disturbed'])

# Who reads an error: a command's user gives options with dashes, a caller of `score()` by name.
COMMAND, PYTHON = 'command', 'python'
