"""A child process gives signs of life, whatever else goes on."""

from __future__ import absolute_import, unicode_literals

import multiprocessing
import threading

from datarobot_batch_scoring.local import child, messages
from datarobot_batch_scoring.scoring import events


def test_signs_of_life_are_given_while_orders_keep_coming(monkeypatch):
    monkeypatch.setattr(child, 'HEARTBEAT_INTERVAL', 0.05)
    # What it does when its parent is gone.
    monkeypatch.setattr(child.os, '_exit', lambda code: None)
    ours, theirs = multiprocessing.Pipe()
    taken = []
    watcher = threading.Thread(target=child.Parent(theirs).watch, args=(taken.append,))
    watcher.start()
    alive = 0
    try:
        while alive < 5 and len(taken) < 100000:
            ours.send(events.Recovered())
            alive += ours.poll() and isinstance(ours.recv(), messages.Heartbeat)
    finally:
        ours.close()
        watcher.join()
    assert alive == 5 and len(taken) > 5
