"""What errors of the command line, of the ini file and of files say; `wording` has the others, and words them."""

from __future__ import absolute_import, unicode_literals

SEE_HELP = 'See {command} --help for all arguments and options.'
USAGE = 'Usage: {command} [options] {usage}. ' + SEE_HELP
FIX_THE_FILE = 'Fix the ini file as the warning says.'
REPORT_HELP = 'See python -m datarobot_batch_scoring.report --help.'

COMMAND_LINE = {
    'no_option': ('Unknown option {option}{suggestion}', SEE_HELP),
    'ambiguous_option': ('The option {option} could be any of {options}.', ''),
    'other_command': ('The command {command} does not take the option {option}.', SEE_HELP),
    'needs_value': ('The option {option} needs a value: {option}=<{metavar}>.', ''),
    'takes_no_value': ('The option {option} takes no value.', ''),
    'dash': ('{option} begins with {dash} instead of two hyphens: write --{name}.', ''),
    'line_break': ('{option}: the value contains a line break.', ''),
    'too_many_arguments': (
        'Too many arguments: {command} takes {arguments}, got {words}.', 'Put quotes around a name with spaces.'),
    'option_after_dashes': (
        'Too many arguments: {command} takes {arguments}, got {words}.', 'Arguments after -- are not options.'),
    'argument_count': (
        'The command {command} takes {usage}, got {number} arguments ({words}){in_ini}.', SEE_HELP),
    'argument_missing': ('An argument is missing: {missing}{given}.', USAGE),
    'arguments_missing': ('Arguments are missing: {missing}{given}.', USAGE),
    'exclusive': ('{option} and {other} exclude each other.', ''),
    'invalid_value': ('{name}: {value} {reason}.', ''),
    'not_of_command': ("{name}: '{value}' is not allowed: it must be {allowed} with {command}.", ''),
    'two_stdouts': ('--stdout and --out=- exclude each other.', 'Name a file for the log with --log.'),
    'resume_stdout': (
        '--resume is not supported with --out=-: standard output cannot be resumed.', 'Name a file with --out.'),
    'resume_stdin': (
        '--resume is not supported with standard input, which cannot be read again.',
        'Put the dataset into a file, and resume with that.'),
    'no_host': ('--host is missing: set the prediction server, such as https://example.com.', SEE_HELP),
    'credentials_missing': ('Credentials are missing: pass --api_token, or --user and --password.', SEE_HELP),
    'token_missing': ('Credentials are missing: pass --api_token.', SEE_HELP),
    'user_missing': ('--user is missing: a password requires one.', SEE_HELP),
    'no_command': ("There is no command '{command}': it must be one of {commands}.", ''),
    'no_setting': ("The command {command} has no setting '{setting}'{suggestion}", ''),
    'setting_missing': ('The command {command} needs the setting {settings}.', ''),
    'ini_unreadable': ('The ini file {file} cannot be read: {reason}.', ''),
    'ini_encoding': ('The ini file {file} is not UTF-8 in line {line}.', 'Save the file as UTF-8.'),
    'ini_line': ('In the ini file {file}, line {line} {reason}.', ''),
    'untrusted_host': (
        '{name} was not sent to the host in {file}: other users can modify that file.',
        'Pass --host on the command line, or fix the file as the warning says.'),
    'untrusted_header': ('{name} was not sent: other users can modify that file.', FIX_THE_FILE),
    'untrusted_at_file': ('{name}: the file after the @ was not read: other users can change its name.', FIX_THE_FILE),
    'at_file_unreadable': (
        '{name}: the file after the @ cannot be read: {reason}.',
        'If the value itself begins with @, put it into a file.'),
    'at_file_large': ('{name}: the file after the @ is larger than {limit} bytes.', ''),
    'at_file_encoding': ('{name}: the file after the @ is not UTF-8.', ''),
    'at_file_empty': ('{name}: the file after the @ is empty.', ''),
    'pred_cols': ('--pred_cols: no class {label}.', 'The classes are: {classes}.'),
    'name_twice': ('--{option}: the name {name} is duplicated.', 'Every column needs its own name.'),
    'no_explanations': (
        '--explanation_details requires explanations.', 'Pass --max_prediction_explanations, too.'),
    'name_empty': ('--{option}: a name is empty.', 'Every column needs its own name.'),
    'types_unreadable': ('--types: {file} cannot be read: {reason}.', ''),
    'types_not_json': (
        '--types: {file} is not a JSON object: {reason}.', 'It should look like: {{"zip": "string"}}.'),
    'types_unknown': ('--types: column {column} has unknown type {type}.', 'It must be one of: {types}.'),
    'types_missing': ('--types: the column {column} is not in the dataset.', '{columns}'),
    'types_twice': ('--types: the column {column} is duplicated in the dataset.', '{columns}'),
    'column_missing': ('--{option}: the column {column} is not in the dataset.', '{columns}'),
    'column_twice': ('--{option}: the column {column} is duplicated in the dataset.', '{columns}'),
    'no_column_left': ('--drop_cols: no column is left to send.', 'Name those to send with {--send_cols}.'),
    'two_authorizations': (
        'Authorization is set twice: by --header and by a token or password.', 'Pass only one of them.'),
    'client_key_alone': ('--client_key requires --client_cert.', 'Pass both.'),
    'client_file': (
        '--{option}: the file cannot be read: {reason}.', 'It must be a PEM file.'),
    'client_key_encrypted': (
        '--client_key: the key is encrypted.', 'Decrypt it into a file that only you can read: openssl pkey -in ...'),
    'client_pair': (
        '--client_cert and --client_key do not match: {reason}.',
        'The key must belong to the first certificate in the file. Without --client_key, that file has it, too.'),
    'option_impossible': ('{option} is not supported with {chosen}.', ''),
    'option_of_others': ('{option} works only with {others}.', ''),
    'check_file': (
        '--check is not supported with {what}.', 'Name a file with a few rows, and leave out --scheduler.'),
    'no_section': ('The ini file {file} has no section [{section}].', ''),
    'no_profile': ('--profile: {place} has no section [{profile}].', '{sections}'),
    'no_ini_file': ('--profile: there is no ini file in the working directory or the home directory.', ''),
    'fail_above': ("--fail_above: '{value}' is not allowed: it must be a number, 0 or more.", ''),
    'no_index': (
        '--fail_above: no population stability index can be computed: the reports have no predictions in common.', ''),
    'several_files': (
        'There are several datasets: {files}.', 'Give one file; loop over the others, each with its own output.'),
    'wrong_type': ('{name}: a Python object of type {type} is not allowed: it must be {allowed}.', ''),
    'stdout_unwritable': ('Standard output cannot be written: {reason}.', ''),
    'stdout_closed': ('The program that reads standard output has ended.', ''),
    'no_password': (
        '--password or --api_token is missing.',
        'Pass one of them: the password can only be prompted for at a terminal.'),
    'no_credentials': ('The settings have neither password nor api_token.', ''),
    'nothing_typed': ('The password is empty.', ''),
}

FILES = {
    'dataset_unreadable': ('The dataset {file} cannot be read: {reason}.', ''),
    'dataset_folder': ('The dataset {file} is a directory.', 'Name a file in it.'),
    'dataset_special': (
        'The dataset {file} is not a regular file.',
        'To score data from a pipe or FIFO, pass - as the dataset and redirect it to standard input.'),
    'dataset_empty': ('The dataset {file} is empty.', ''),
    'no_rows': ('The dataset {file} has a header but no rows.', ''),
    'no_text': ('The dataset {file} contains no text.', ''),
    'no_such_row': (
        'The dataset {file} has no row {row}.', 'Check {--rows}: the first row is number 0.'),
    'not_csv': ('The dataset {file} is not a CSV file: it is {what}.', ''),
    'no_csv_inside': ('The dataset {file} does not contain CSV: decompressed, it is {what}.', ''),
    'no_folder': ('The directory of the {file_kind} does not exist: {file}.', ''),
    'is_folder': ('The {file_kind} {file} is a directory.', 'Name a file in it.'),
    'is_special': ('The {file_kind} {file} is not a regular file.', ''),
    'is_message_file': ('The {file_kind} {file} is already open as standard output or error.', ''),
    'read_only_folder': (
        'The directory of the {file_kind} is not writable: {file}.', 'Name a file in another directory.'),
    'read_only': ('The {file_kind} {file} is write-protected.', ''),
    'unusable': ('The {file_kind} {file} cannot be written: {reason}.', ''),
    'report_count': ('Expected two reports, got {number}.', REPORT_HELP),
    'report_option': ('Unknown option {option}, or its value is missing.', REPORT_HELP),
    'page_name': ('--out: {file} is not allowed: the name must end in .html.', ''),
    'report_unreadable': ('The report {file} cannot be read: {reason}.', ''),
    'not_a_report': (
        'The report {file} is not a JSON report of this program.',
        'Runs write one with --report=<file>, if the name ends in .json.'),
    'report_damaged': ('The report {file} is damaged: {reason}.', ''),
    'page_unwritable': ('The page {file} cannot be written: {reason}.', ''),
    'impossible_host': ('No request can be sent to {host}: {reason}', 'Check --host and the proxy.'),
    'proxy_url': ('The proxy for {host} is not a URL with a host.', 'Check HTTP_PROXY and HTTPS_PROXY.'),
    'socks_proxy': (
        'The proxy for {host} is a SOCKS proxy, which requires the package PySocks.',
        'Install it (pip install PySocks), or set HTTP_PROXY and HTTPS_PROXY to an HTTP proxy.'),
    'no_certificates': ('--ca_bundle does not exist: {file}.', ''),
    'same_file': ('The {file_kind} and the {other_kind} are the same file: {file}.', ''),
    'inside': (
        'The {file_kind} {file} is inside the {other_kind} {folder}.',
        'The run replaces everything there: name a file elsewhere.'),
    'is_url': ('The {file_kind} cannot be a URL: {file}.', 'Name a file by its path.'),
    'needs_cluster': (
        'The {file_kind} cannot be a URL: {file}.',
        'Name a file by its path, or score on a cluster, with {--scheduler}.'),
    'is_bucket': ('The {file_kind} {file} is a bucket or a host.', 'Name an object in it.'),
    'is_url_of_folder': ('The {file_kind} {file} is a directory.', 'Name an object in it.'),
    'other_machine': (
        'The {file_kind} {file} is on another machine, {host}.',
        'A path has three slashes: {scheme}:///dir/file.'),
    'nul_in_name': ('The name of the {file_kind} contains a NUL character.', ''),
    'unwritable': (
        'The {file_kind} {file} cannot be written: {reason}.',
        'Fix this, then rerun{resume}.'),
    'no_checkpoint_folder': (
        'The directory of the output is not writable: {file} ({reason}).',
        'Name a file in another directory with {--out}.'),
    'checkpoint_unwritable': ('The checkpoint {file} cannot be written: {reason}.', ''),
    'not_a_checkpoint': (
        '{file} is not a checkpoint of this program; left unchanged.',
        'Move it away, or name another file with {--out}.'),
    'not_a_run_directory': (
        '{file} is not a run directory of this program; left unchanged.',
        'Remove it by hand, or name another file with {--out}.'),
    'not_only_parts': (
        '{file} contains more than parts of an output; left unchanged.',
        'Remove its content by hand, or name another directory with {--out}.'),
    'no_locks': (
        'The output {file} cannot be locked: its file system does not support locks: {reason}.',
        'Name a file on a local disk with {--out}, and copy it at the end.'),
    'same_names': (
        'Several output columns have the same name, which JSON Lines cannot represent: {names}.',
        'Leave the column out of {--keep_cols}, name the prediction with {--pred_name}, or write a .csv file.'),
    'disturbed': (
        'The {file_kind} {file} was {change} by another program while it was being written.',
        'Start over.'),
    'locked': ('Another run is writing {file}.', 'Wait for it to end, or name another file with {--out}.'),
    'overtaken': ('Another run wrote {file} in the meantime.', 'Rerun.'),
}
