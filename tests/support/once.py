"""What others' code works out anew for each client, command and answer: once a process.

Each is a function of what does not change while a process runs: a service's model, the signature of
a handler, the verbs. A test sees no difference but time; tests/README.md says how much.
"""

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

import typer.testing
from botocore import hooks
from botocore.client import ClientCreator
from botocore.hooks import EventAliaser
from botocore.model import ServiceModel


def work_out_once() -> None:
    """From now on, and for the whole process."""
    _handlers_signatures()
    _names_of_events()
    _clients_of_a_service()
    typer.testing._get_command = cache(typer.testing._get_command)


def _handlers_signatures() -> None:
    """Each session registers the same hundred handlers, and asks of each how it is called."""
    ask = lru_cache(4096)(hooks.accepts_kwargs)
    hooks.accepts_kwargs = lambda handler: ask(getattr(handler, "__func__", handler))


def _names_of_events() -> None:
    work_out = EventAliaser._alias_event_name
    found: dict[str, str] = {}

    def alias(self: EventAliaser, name: str) -> str:
        if name not in found:
            found[name] = work_out(self, name)
        return found[name]

    EventAliaser._alias_event_name = alias


def _clients_of_a_service() -> None:
    """A client has a method for each operation of its service: of EC2, 770."""
    load, make = ClientCreator._load_service_model, ClientCreator._create_methods
    models: dict[int, ServiceModel] = {}
    methods: dict[ServiceModel, dict[str, Callable[..., Any]]] = {}

    def load_once(self: ClientCreator, *of: Any) -> ServiceModel:
        model = load(self, *of)
        # what was read of a file is the same object again, and lives as long as its model
        return models.setdefault(id(model._service_description), model)

    def make_once(self: ClientCreator, model: ServiceModel) -> dict[str, Callable[..., Any]]:
        if model not in methods:
            methods[model] = make(self, model)
        return {**methods[model]}

    ClientCreator._load_service_model = load_once
    ClientCreator._create_methods = make_once
