"""Threads, forked processes, Ctrl-C."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import hema_blood
from hema_blood import load


# what is started in the background, as by a build server, ignores Ctrl-C unless it says otherwise
HEARING = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"


def _probabilities(model, paths, results):
    results.put(model.predict_proba(paths))


@pytest.mark.parametrize("way", ["fork", "spawn", "forkserver"])
def test_another_process_computes_the_same(model, some, way):
    expected = model.predict_proba(some)
    context = multiprocessing.get_context(way)
    results = context.Queue()
    process = context.Process(target=_probabilities, args=(model, some, results))
    process.start()
    np.testing.assert_array_equal(results.get(timeout=120), expected)
    process.join(timeout=60)
    assert process.exitcode == 0


def test_threads_may_ask_one_model_at_once(model, some):
    expected = model.predict_proba(some)
    found = [None] * 6

    def ask(i):
        found[i] = model.predict_proba(some)

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(len(found))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    for one in found:
        np.testing.assert_array_equal(one, expected)


def test_other_threads_go_on_while_a_model_computes(model, cells):
    beats, done = [], threading.Event()

    def beat():
        while not done.is_set():
            beats.append(time.monotonic())
            time.sleep(0.005)

    heart = threading.Thread(target=beat)
    heart.start()
    start = time.monotonic()
    model.predict_proba(cells)
    took = time.monotonic() - start
    done.set()
    heart.join()
    within = [beat for beat in beats if start <= beat <= start + took]
    assert len(within) > 3


def test_answers_do_not_depend_on_the_number_of_threads(model, some):
    expected = model.predict_proba(some)
    for threads in (1, 3):
        np.testing.assert_array_equal(load("builtin", threads=threads).predict_proba(some), expected)


def _threads_of_this_process() -> list[str]:
    names = []
    for task in os.listdir("/proc/self/task"):
        with open(f"/proc/self/task/{task}/comm") as file:
            names.append(file.read().strip())
    return names


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="counts threads in /proc")
def test_a_model_of_one_thread_starts_no_other(cells):
    code = f"""
import os, sys
sys.path.insert(0, {os.path.dirname(__file__)!r})
from test_processes import _threads_of_this_process
from hema_blood import load
load("builtin", threads=1).predict({os.fspath(cells)!r})
print(sum(name.startswith("hema") for name in _threads_of_this_process()), len(_threads_of_this_process()))
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    # NumPy's own threads are its affair; of Hema's there is one
    assert ran.stdout.split()[0] == "1", ran.stdout + ran.stderr


def test_ctrl_c_ends_a_call(some, tmp_path):
    code = f"""{HEARING}
import numpy as np
from hema_blood import load
model = load("builtin", threads=1)
cells = np.zeros((40000, 96, 96, 3), dtype=np.uint8)
print("ready", flush=True)
try:
    model.predict(cells)
except KeyboardInterrupt:
    print("interrupted", model.predict({os.fspath(some[0])!r})[0], flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline().strip() == "ready"
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=120)
    assert out.startswith("interrupted basophil"), out


def test_ctrl_c_stops_a_training_which_can_go_on(cells, tmp_path):
    out = tmp_path / "run"
    code = f"""{HEARING}
from hema_blood import train
def told(row):
    print("epoch", int(row["epoch"]), flush=True)
try:
    train("quickstart", {os.fspath(cells)!r}, {os.fspath(out)!r}, on_epoch=told,
          set={{"stage.0.epochs": 2000}})
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline().strip() == "epoch 1", process.stderr.read()
    process.send_signal(signal.SIGINT)
    told, said = process.communicate(timeout=300)
    assert told.endswith("interrupted\n"), told + said
    assert (out / "checkpoint.safetensors").exists(), said


def test_a_training_ends_where_its_listener_says_so(cells, tmp_path):
    class Enough(Exception):
        pass

    rows = []

    def listen(row):
        rows.append(row)
        if len(rows) == 2:
            raise Enough

    with pytest.raises(Enough):
        hema_blood.train(
            "quickstart",
            cells,
            tmp_path / "run",
            set={"stage.0.epochs": 2000},
            on_epoch=listen,
            on_line=lambda line: None,
        )
    assert [row["epoch"] for row in rows] == [1.0, 2.0]


def test_the_error_of_a_command_is_raised(cells, tmp_path):
    with pytest.raises(hema_blood.HemaError, match="no-such-recipe") as caught:
        hema_blood.train("no-such-recipe", cells, tmp_path / "run", on_line=lambda line: None)
    assert not caught.value.message.startswith("error")
    with pytest.raises(hema_blood.HemaError):
        hema_blood.run("no-such-command", on_line=lambda line: None)
