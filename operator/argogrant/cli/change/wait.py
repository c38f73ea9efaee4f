"""Waiting until a grant or an approval has become what a person wished."""

import asyncio
from contextlib import closing
from datetime import timedelta

from argogrant.api.announced import Announced, read_announced
from argogrant.cli.change.outlook import NOT_YET, Outlook, Question
from argogrant.cli.errors import CommandFailed
from argogrant.cli.terminal.progress import LiveLine
from argogrant.cli.terminal.tables import shown
from argogrant.cli.terminal.times import short
from argogrant.grants.model.validation import sentence
from argogrant.kube.client import Cluster
from argogrant.kube.errors import Forbidden
from argogrant.kube.informer import Reflector, stop
from argogrant.kube.resources import Collection


async def wait_for(
    cluster: Cluster, one: Collection, question: Question, patience: timedelta
) -> Outlook:
    """Wait until something has come, and say meanwhile what is missing.

    A watch that breaks is opened again; while the API server does not answer, that is
    said.

    Args:
        cluster: Where the object is.
        one: The collection, with the name of the object.
        question: What is wished of it.
        patience: How long to wait.

    Raises:
        CommandFailed: It never will come, or it has not come in time.
        Forbidden: The object may not be watched.
    """
    news = asyncio.Event()
    reflector = Reflector(
        cluster, one, read=read_announced, on_change=lambda *_: news.set()
    )
    task = asyncio.create_task(reflector.run())
    last = NOT_YET
    try:
        with closing(LiveLine()) as line:
            async with asyncio.timeout(patience.total_seconds()):
                await reflector.looked_at.wait()
                while last.has_come is None:
                    news.clear()
                    last = _look(reflector, question)
                    if last.has_come is None:
                        line.say(f"waiting: {last.text}")
                        await news.wait()
    except TimeoutError:
        raise CommandFailed(
            f"after {short(patience)} still waiting: {sentence(shown(last.text))}"
            " It goes on without this command."
        ) from None
    finally:
        await stop(task)
    if not last.has_come:
        raise CommandFailed(sentence(shown(last.text)))
    return last


def _look(reflector: Reflector[Announced], question: Question) -> Outlook:
    if isinstance(reflector.failure, Forbidden):
        raise reflector.failure
    if reflector.failure is not None:
        return Outlook(f"{reflector.failure}; it is asked again", has_come=None)
    return question(reflector.objects.get(reflector.collection.name))
