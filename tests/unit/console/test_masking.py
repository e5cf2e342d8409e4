"""A URL without its secrets is known for what it was by those who have it whole."""

from __future__ import absolute_import, unicode_literals

import pytest

from datarobot_batch_scoring.console import masking

URLS = {
    'http://me:pw1@h/in.csv': 'http://me@h/in.csv',
    'ftp://:pw1@h/in.csv': 'ftp://@h/in.csv',
    'https://h/in.csv?a=1&X-Amz-Signature=pw1&sig=pw2': 'https://h/in.csv?a=1&X-Amz-Signature=*****&sig=*****',
    'abfs://container@account/in.csv': None,
    's3://b/in.csv?sig=1': None,
    'https://h/in.csv?design=1': None,
    'in.csv': None,
}


@pytest.mark.parametrize('url', sorted(URLS))
def test_a_url_without_its_secrets_is_known_for_what_it_was(url):
    shown = masking.without_password(url)
    assert shown == (URLS[url] or url) and masking.without_password(shown) == shown
    assert masking.with_password(shown, ['file:///other', url]) == url
    assert bool(masking.in_file_url(url)) == bool(URLS[url])
    assert not [secret for secret in masking.in_file_url(url) if secret != 'me' and secret in shown]


def test_what_is_in_a_folder_or_beside_it_is_known_too():
    known = 'ftp://me:pw@h/out/'
    for name in ('out/part-00000.csv', 'out.run/input-0f'):
        assert masking.with_password('ftp://me@h/' + name, ['in.csv', known]) == 'ftp://me:pw@h/' + name
    assert masking.with_password('ftp://me@h/elsewhere', [known]) == 'ftp://me@h/elsewhere'
