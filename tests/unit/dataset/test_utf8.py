"""Two inputs that are read at the same time, in threads of one process."""

from __future__ import absolute_import, unicode_literals

import threading

from datarobot_batch_scoring.dataset.source import File
from datarobot_batch_scoring.dataset.utf8 import READ_AHEAD, Utf8Input


class Interrupted(object):
    """A decoder; after each piece the interpreter lets another thread go on."""

    def __init__(self, decoder, other):
        self._decoder = decoder
        self._other = other

    def decode(self, data, final):
        decoded = self._decoder.decode(data, final)
        thread = threading.Thread(target=self._other)
        thread.start()
        thread.join()
        return decoded


def test_what_does_not_fit_an_encoding_is_no_fault_of_another_threads_input(folder):
    folder.write('data.csv', b'x\n' * READ_AHEAD)
    reader = Utf8Input(File(folder('data.csv')), False, 'cp1252')
    reader._decoder = Interrupted(
        reader._decoder, lambda: b'\x81'.decode('cp1252', 'batch_scoring.mark'))
    assert b''.join(reader.read_up_to(1 << 20)) == b'x\n' * READ_AHEAD
    reader.close()
