"""A real nginx in front of a server, where it is installed, and client certificates for it."""

from __future__ import absolute_import, unicode_literals

import os
import shutil
import socket
import subprocess
import time

from real_server import free_port

NGINX = shutil.which('nginx') if hasattr(shutil, 'which') else None
OPENSSL = shutil.which('openssl') if hasattr(shutil, 'which') else None

# The name of the virtual host, which every request must have.
NAME = 'models.example.com'
HOST = '--header=Host: ' + NAME

CONFIG = '''
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log {folder}/access.log combined;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 0;
    limit_req_zone $server_name zone=all:1m rate=20r/s;
    server {{ listen 127.0.0.1:{port} default_server {tls}; server_name _; {certificates} {verify} return 404; }}
    server {{
        listen 127.0.0.1:{port} {tls};
        server_name {name};
        {certificates} {verify}
        {rules}
        location / {{ proxy_pass http://127.0.0.1:{upstream}; proxy_set_header X-Tenant $http_x_tenant; }}
    }}
}}
'''
# Refuses what has not this header, with 403.
TENANT = 'if ($http_x_tenant != "t-17-secret") { return 403; }'
TENANT_HEADER = '--header=X-Tenant: t-17-secret'
# Refuses what is more than 20 requests per second and 5, with 429.
LIMIT = 'limit_req zone=all burst=5 nodelay; limit_req_status 429;'


class Nginx(object):
    """`Nginx(upstream, folder)` is one in front of that port of 127.0.0.1; `port` is its own.

    `rules` are for the virtual host; `pem`, the path of a certificate and its key, makes it speak
    TLS, and want a client certificate that is `client`, the path of one.
    """

    def __init__(self, upstream, folder, rules='', pem=None, client=None):
        self.folder, self.port = '{0}'.format(folder), free_port()
        config = CONFIG.format(
            folder=self.folder, port=self.port, name=NAME, upstream=upstream, rules=rules, tls='ssl' if pem else '',
            certificates='ssl_certificate {0}; ssl_certificate_key {0};'.format(pem) if pem else '',
            verify='ssl_client_certificate {0}; ssl_verify_client on;'.format(client) if client else '')
        path = os.path.join(self.folder, 'nginx.conf')
        with open(path, 'w') as target:
            target.write(config)
        self._process = subprocess.Popen([NGINX, '-p', self.folder, '-c', path], stderr=subprocess.DEVNULL)
        end = time.time() + 30
        while not self._answers():
            assert self._process.poll() is None and time.time() < end
            time.sleep(0.05)

    def _answers(self):
        try:
            socket.create_connection(('127.0.0.1', self.port), 1).close()
            return True
        except EnvironmentError:
            return False

    def statuses(self):
        """The statuses of all requests, in order."""
        with open(os.path.join(self.folder, 'access.log')) as log:
            return [int(line.split('" ')[1].split()[0]) for line in log]

    def stop(self):
        self._process.terminate()
        self._process.wait()


def make_pair(folder, name):
    """Makes NAME.pem and NAME-key.pem in a `scoring.Folder`: a client certificate and its key."""
    subprocess.check_call([
        OPENSSL, 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=' + name,
        '-keyout', folder(name + '-key.pem'), '-out', folder(name + '.pem')], stderr=subprocess.DEVNULL)
