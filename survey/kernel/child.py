"""A function in a child process that ends, so that nothing it read stays in this process's memory.

Python gives memory back late and overwrites none of it: whatever a process has read can be found
in its memory for as long as it runs. The child is a new Python, not a copy of this process, so it
shares no connection, no lock and no thread with it. Function and arguments go to it pickled; what
comes back is JSON: progress, then a result, a refusal, or the name of an error.
"""

import json
import logging
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from survey.kernel.errors import Refused, pack_refusal, unpack_refusal
from survey.kernel.files import keep_new_files_private
from survey.kernel.memory import protect_memory

log = logging.getLogger(__name__)
# Whether this process is such a child, which calls the function itself. No setting reaches it: the
# child sets it, and so do tests of other things, which would wait for a new Python each time.
IS_CHILD = False
SECONDS_TO_END = 10
_PACKAGE_FOLDER = Path(__file__).parents[2]
# Run with -P, for the folder that this process works in may hold modules of anybody.
_PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from survey.kernel import child
child.work_for_parent()
"""
_COMMAND = (sys.executable, "-P", "-c", _PROGRAM, str(_PACKAGE_FOLDER))
Progress = Callable[[int, int], None]


def call_in_child(
    function: Callable[..., Any], *arguments: object, progress: Progress | None = None
) -> Any:  # noqa: ANN401 - what the function returns
    """Calls a function in a child process and gives what it returns, which JSON must hold.

    `function` stands in a module, and pickle must take the arguments. With `progress` it is called
    with an argument of that name more, and whatever it reports there arrives here. Its refusals are
    raised here. Any other error and the end of the child are refusals too; the child is killed if
    this call is interrupted, and ends by itself when this process does.
    """
    if IS_CHILD:
        return function(*arguments, **({"progress": progress} if progress else {}))
    with _started() as child:
        _send(child, (function, arguments, progress is not None))
        answer = _wait_for_answer(child, progress)
    if "result" in answer:
        return answer["result"]
    if "refused" in answer:
        raise unpack_refusal(answer["refused"])
    if "failed" in answer:
        log.error("%s in a child process", answer["failed"])
        raise Refused(
            "child-failed",
            f"Something went wrong that Candour did not foresee ({answer['failed']}). Nothing half"
            " done was kept.",
        )
    raise Refused(
        "child-ended",
        "The process that did this was ended from outside before it had finished"
        f" ({_ending_in_words(child.returncode)}). Nothing half done was kept. Try it again.",
    )


def work_for_parent() -> None:
    """Is the child: reads one function from standard input, calls it, answers on standard output.

    Ends at once when the parent is gone, whatever it is doing.
    """
    global IS_CHILD  # noqa: PLW0603 - of this process, once
    IS_CHILD = True
    keep_new_files_private()
    protect_memory()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)  # whatever else is printed
        # From our own parent, over a pipe that nobody else can open.
        function, arguments, has_progress = pickle.load(sys.stdin.buffer)  # noqa: S301
        threading.Thread(target=_end_with_parent, daemon=True).start()

        def report(done: int, total: int) -> None:
            _tell(answers, {"progress": [done, total]})

        more = {"progress": report} if has_progress else {}
        _tell(answers, _answer_of(lambda: function(*arguments, **more)))


def _answer_of(work: Callable[[], object]) -> dict[str, object]:
    """What to tell the parent of this work: its result, its refusal, or where an error came from.

    Of an error only its type and place, for its text may quote an answer.
    """
    try:
        return {"result": work()}
    except Refused as refused:
        return {"refused": pack_refusal(refused)}
    except Exception as error:  # noqa: BLE001 - the parent says it in a sentence
        return {"failed": f"{type(error).__name__}{_place_of(error)}"}


def _place_of(error: Exception) -> str:
    """The last place in our own code that an error came through, in words; empty if none."""
    place, frame = "", error.__traceback__
    while frame:
        module = str(frame.tb_frame.f_globals.get("__name__", ""))
        if module.startswith("survey.") and module != __name__:
            place = f" in {module}, line {frame.tb_lineno}"
        frame = frame.tb_next
    return place


def _tell(answers: IO[str], message: dict[str, object]) -> None:
    """Writes one message to the parent."""
    answers.write(f"{json.dumps(message)}\n")
    answers.flush()


def _end_with_parent() -> None:
    """Waits until the parent has closed our input, as its end does, and ends this process."""
    while os.read(0, 1):  # not sys.stdin, whose lock the end of Python would wait for
        pass
    os._exit(1)


@contextmanager
def _started() -> Iterator["subprocess.Popen[bytes]"]:
    """A new child for the block, which has ended when the block is left, however it is left."""
    try:
        child = subprocess.Popen(  # noqa: S603 - this Python, and words of ours
            _COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for this process, which then ends the child
        )
    except OSError as error:
        raise Refused(
            "child-not-started",
            f"A process of its own could not be started ({error.strerror}). Nothing was changed.",
        ) from error
    try:
        yield child
    except BaseException:
        child.terminate()  # it rolls back and gives back what it holds
        raise
    finally:
        _end(child)


def _end(child: "subprocess.Popen[bytes]") -> None:
    """Waits until a child that has answered, or was told to end, is gone; kills one that stays."""
    try:
        child.wait(SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe:
            with suppress(OSError):
                pipe.close()


def _send(child: "subprocess.Popen[bytes]", task: object) -> None:
    """Hands a task to a child; one that has ended meanwhile is noticed where it answers nothing."""
    assert child.stdin
    content = pickle.dumps(task)
    with suppress(BrokenPipeError):
        child.stdin.write(content)
        child.stdin.flush()


def _wait_for_answer(child: "subprocess.Popen[bytes]", progress: Progress | None) -> dict[str, Any]:
    """The last message of a child; empty where it ended without one. Hands its progress on."""
    assert child.stdout
    for line in child.stdout:
        message: dict[str, Any] = json.loads(line)
        if "progress" not in message:
            return message
        if progress:
            progress(*message["progress"])
    return {}


def _ending_in_words(code: int) -> str:
    """How a process ended: the name of the signal, or its exit code."""
    if code < 0:
        with suppress(ValueError):
            return signal.Signals(-code).name
    return f"exit code {code}"
