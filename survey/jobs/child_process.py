"""A use case in a child process with an application and a database connection of its own."""

from collections.abc import Callable
from typing import Any

from flask import Flask, current_app
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnection

from survey.config import Config
from survey.database import db
from survey.kernel import child
from survey.kernel.errors import Refused

FACTORY = "candour-factory"  # the extension that makes another application like this one


def run_in_child_process(
    use_case: Callable[..., Any], *arguments: object, progress: child.Progress | None = None
) -> Any:  # noqa: ANN401 - what the use case returns
    """Does a use case in a child process and gives what it returns, which JSON must hold.

    First ends the session's read, and has it read afresh afterwards. As `survey.kernel.child` says,
    and a database that does not do what it is asked is a refusal as well.
    """
    if child.IS_CHILD:
        return child.call_in_child(use_case, *arguments, progress=progress)
    db.session.rollback()  # a read under way would keep old pages in use
    db.session.expire_all()
    task = current_app.extensions[FACTORY], current_app.config["CANDOUR"], use_case, arguments
    return child.call_in_child(_work_in_application, *task, progress=progress)


def _work_in_application(
    make_app: Callable[[Config], Flask],
    config: Config,
    use_case: Callable[..., Any],
    arguments: tuple[object, ...],
    **more: object,
) -> object:
    """In the child: does the use case in an application made for it."""
    with make_app(config).app_context():
        try:
            return use_case(*arguments, **more)
        except (DBAPIError, NoConnection) as error:
            raise Refused(
                "database-busy",
                f"The database did not do what was asked ({type(error).__name__}). Nothing half"
                " done was kept. Try it again in a minute.",
            ) from error
        finally:
            db.session.remove()
            db.engine.dispose()
