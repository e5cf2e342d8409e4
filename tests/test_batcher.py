"""The batcher when a worker is gone."""

from __future__ import absolute_import, unicode_literals

import multiprocessing

from datarobot_batch_scoring import batcher, dataset, messages, settings
from scoring import numbered


class Parent(object):
    """Stands for the pipe to the main process."""

    def expect_long_work(self, size):
        pass

    def tell(self, event):
        pass


def test_a_batch_for_a_worker_that_has_just_died_ends_the_batcher_without_an_error(folder):
    """Whoever notices first: it is the main process that says which one died."""
    folder.write('data.csv', numbered(20))
    data = dataset.inspect(settings.make(
        'batch_scoring_sse', import_id='flats', dataset=folder('data.csv'), host='http://x'))
    plan = batcher.Plan(data, 2, False, 1 << 20, 10, 0, data.data_start, 2, ())
    worker, its_end = multiprocessing.Pipe()
    acks, writer = multiprocessing.Pipe(False)
    its_end.send(messages.Ready(2))
    its_end.close()
    _, run = batcher.work(Parent(), plan, [worker], acks)
    run()
    for each in (worker, acks, writer):
        each.close()
