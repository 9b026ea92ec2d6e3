"""The archive holds what the reactor calls, and the reactor does without what it lacks."""

import itertools
import shutil
import ssl
import subprocess
import sys
from pathlib import Path

import botocore
import botocore.session
import pytest
from botocore import handlers as botocores_handlers
from botocore.hooks import EventAliaser, HierarchicalEmitter
from botocore.loaders import Loader
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from handlers.auto_scaling import OPERATIONS as GUARDS
from handlers.clients import AUTHORITIES, OPERATIONS, needed
from infra.deploy.botocore_data import NoSuchOperation, amazons_authorities, prune_data
from tests.support.builders import (
    NEW,
    OTHER_TEMPLATE,
    REGION,
    a_template,
    a_version,
    a_world,
    ami_state,
    backup_completed,
    reconcile,
)
from tests.support.paths import ROOT
from tests.support.tls import certificate, served

KEYS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
FULL_DATA = Path(botocore.__file__).parent / "data"


@pytest.fixture(scope="module")
def lean_data(tmp_path_factory):
    data = tmp_path_factory.mktemp("botocore") / "data"
    services = [FULL_DATA / service for service in (*OPERATIONS, *GUARDS, "s3")]
    for service in services:
        shutil.copytree(service, data / service.name)
    for file in FULL_DATA.glob("*.json*"):
        shutil.copy(file, data)
    prune_data(data, OPERATIONS, GUARDS)
    return data


def a_client(service, data):
    session = botocore.session.Session()
    loader = Loader(extra_search_paths=[str(data)], include_default_search_paths=False)
    session.register_component("data_loader", loader)
    return session.create_client(
        service, REGION, aws_access_key_id="local", aws_secret_access_key="local"
    )


# -- the list --------------------------------------------------------------------------------------


def recorded(account):
    """Where every call of that account's reactor goes from now on: (service, operation)."""
    calls = set()

    def record(model, **_):
        calls.add((model.service_model.service_name, model.name))

    for client in (account.reactors_client, account.bus):
        client.meta.events.register("before-call", record)
    return calls


def test_what_is_listed_is_what_is_called(account_with):
    """A call that is not listed would not be in the archive; one too many costs every start."""
    two = a_world(
        templates=[a_template(), a_template(OTHER_TEMPLATE, "api")],
        versions=[a_version(), a_version(template_id=OTHER_TEMPLATE)],
    )
    account = account_with(two)
    calls = recorded(account)

    handed_on = account.react(reconcile(), seconds_left=lambda: 40).handed_on
    promoted = account.react(backup_completed())
    account.react(backup_completed())
    account.set_state(NEW, "deregistered")
    healed = account.react(ami_state(NEW, "deregistered"))

    assert handed_on == (OTHER_TEMPLATE,) and promoted.templates
    assert {template.reason for template in healed.templates} == {"current-image-gone"}
    assert calls == {(service, name) for service, names in OPERATIONS.items() for name in names}


# -- the data --------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", [*OPERATIONS, *GUARDS])
def test_the_lean_data_knows_the_listed_operations_and_all_of_each(lean_data, service):
    lean, full = (a_client(service, data) for data in (lean_data, FULL_DATA))

    assert set(lean.meta.method_to_api_mapping.values()) == (OPERATIONS | GUARDS)[service]
    for operation in (OPERATIONS | GUARDS)[service]:
        lean_model, full_model = (
            client.meta.service_model.operation_model(operation) for client in (lean, full)
        )
        assert members(lean_model.input_shape) == members(full_model.input_shape)
        assert members(lean_model.output_shape) == members(full_model.output_shape)
        method = next(m for m, o in lean.meta.method_to_api_mapping.items() if o == operation)
        assert lean.can_paginate(method) == full.can_paginate(method)
    assert lean.meta.endpoint_url == full.meta.endpoint_url


def members(shape, seen=()):
    """Every member below a shape, with what decides how it is sent and read."""
    if shape is None or shape.name in seen:
        return shape and shape.name
    seen = (*seen, shape.name)
    below = dict(getattr(shape, "members", {}))
    below |= {k: getattr(shape, k) for k in ("member", "key", "value") if hasattr(shape, k)}
    how = (shape.type_name, shape.serialization, tuple(getattr(shape, "enum", ())))
    return how, {name: members(part, seen) for name, part in below.items()}


def test_the_lean_data_is_a_hundredth(lean_data):
    def size(folder):
        return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

    assert size(lean_data) < size(FULL_DATA) / 100
    assert not (lean_data / "s3").exists()


def test_an_operation_that_botocore_does_not_know_is_named_and_nothing_is_cut(tmp_path):
    data = tmp_path / "data"
    shutil.copytree(FULL_DATA / "events", data / "events")

    with pytest.raises(NoSuchOperation, match=r"^events: PutEvent$"):
        prune_data(data, {"events": {"PutEvent", "PutEvents"}})

    assert (data / "events").exists()


# -- what botocore does for other services ---------------------------------------------------------


@pytest.fixture
def events_of_calls(account_with):
    """The names of all events that botocore emits in the calls of a promotion."""
    account = account_with(a_world())
    names = set()

    def keep(event_name, **_):
        names.add(event_name)

    for client in (account.reactors_client, account.bus):
        client.meta.events.register("*", keep)  # whatever begins with anything
    assert account.react(backup_completed()).templates[0].outcome == "promoted"
    return names


def heard_by(handlers, event_name):
    """What those handlers of `botocore.handlers` do at the event, in this order."""
    emitter = EventAliaser(HierarchicalEmitter())
    register = {
        botocores_handlers.REGISTER_FIRST: emitter.register_first,
        botocores_handlers.REGISTER_LAST: emitter.register_last,
    }
    heard = []
    for name, handler, *when in handlers:
        what = getattr(handler, "__qualname__", type(handler).__name__)
        register.get(when[0] if when else None, emitter.register)(
            name, lambda what=what, **_: heard.append(what)
        )
    emitter.emit(event_name)
    return heard


def test_botocore_does_in_our_calls_what_it_always_does(events_of_calls):
    every = list(botocores_handlers.BUILTIN_HANDLERS)
    ours = list(needed(every))
    creation = {f"creating-client-class.{name}" for name in ("ec2", "eventbridge")}

    heard = {name: heard_by(every, name) for name in events_of_calls | creation}

    assert {name: heard_by(ours, name) for name in heard} == heard
    assert "set_operation_specific_signer" in itertools.chain(*heard.values())
    assert len(ours) < len(every) / 5


def test_the_reactors_session_hears_nothing_of_other_services():
    """Mechanical Turk's client has a method under a former name, thanks to a handler alone."""
    program = (
        "import botocore.session, handlers.clients\n"
        "former, now = 'list_hi_ts_for_qualification_type', 'list_hits_for_qualification_type'\n"
        "turk = type('Turk', (), {now: 'found'})\n"
        "for session in (botocore.session.Session(), handlers.clients._session()):\n"
        "    events = session.get_component('event_emitter')\n"
        "    print([found for _, found in events.emit(f'getattr.mturk.{former}', client=turk)])"
    )

    printed = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert printed.stdout == "['found']\n[]\n"


# -- what the archive lacks ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "listed",
    [
        pytest.param({"ec2": OPERATIONS["ec2"]}, id="a service is missing"),
        pytest.param(OPERATIONS | {"events": {"PutRule"}}, id="an operation is missing"),
    ],
)
def test_what_the_archive_lacks_is_found_in_the_runtimes_botocore(tmp_path, listed):
    task = tmp_path / "task"
    for package in (ROOT / "handlers", ROOT / "models", Path(botocore.__file__).parent):
        shutil.copytree(package, task / package.name)
    prune_data(task / "botocore" / "data", listed)
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]);"
        "from handlers.clients import client, _OWN_DATA; print(_OWN_DATA);"
        f"print(client('events', '{REGION}').meta.method_to_api_mapping['put_events'])"
    )

    printed = subprocess.run(
        [sys.executable, "-c", program, str(task)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    assert printed.stdout.split() == [str(task / "botocore" / "data"), "PutEvents"]


@pytest.fixture
def ask(tmp_path, account_with):
    """Ask the embedded AWS over HTTPS, as an archive does; what is printed, and the complaint.

    Its certificate, "ours", is trusted by the archive's authorities, by botocore's or by neither.
    """
    account_with(a_world())
    pems = {}
    for whose in ("ours", "strangers"):
        (tmp_path / whose).mkdir()
        pems[whose] = certificate(tmp_path / whose)
    task = tmp_path / "task"
    for package in ("handlers", "models"):
        shutil.copytree(ROOT / package, task / package)

    def run(archives, botocores, **environment):
        shutil.copy(pems[archives], task / AUTHORITIES.name)
        program = (
            f"import botocore.httpsession as h; h.where = lambda: '{pems[botocores]}';"
            "from handlers.clients import client;"
            f"print(len(client('ec2', '{REGION}').describe_images(Owners=['self'])['Images']))"
        )
        with served(DomainDispatcherApplication(create_backend_app), pems["ours"]) as url:
            done = subprocess.run(
                [sys.executable, "-c", program],
                cwd=task,
                env={"AWS_ENDPOINT_URL": url, **KEYS, **environment},
                capture_output=True,
                text=True,
                check=False,
            )
        return done.stdout, done.stderr

    run.pems = pems
    return run


def test_the_archives_own_authorities_are_enough(ask):
    assert ask(archives="ours", botocores="strangers")[0] == "2\n"


def test_if_another_authority_vouches_for_aws_botocores_own_file_is_read(ask):
    assert ask(archives="strangers", botocores="ours")[0] == "2\n"


def test_if_no_authority_vouches_for_it_nothing_is_sent(ask):
    printed, complaint = ask(archives="strangers", botocores="strangers")

    assert printed == ""
    assert "botocore.exceptions.SSLError" in complaint


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
def test_a_configured_bundle_is_the_only_one(ask, variable):
    bundle = str(ask.pems["strangers"])

    assert "SSLError" in ask(archives="ours", botocores="ours", **{variable: bundle})[1]


def test_the_archives_authorities_are_amazons():
    bundle = Path(botocore.__file__).with_name("cacert.pem").read_text()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    context.load_verify_locations(cadata=amazons_authorities(bundle))

    subjects = [certificate["subject"] for certificate in context.get_ca_certs()]
    assert {
        dict(pair for part in subject for pair in part)["commonName"] for subject in subjects
    } == {
        "Amazon Root CA 1",
        "Amazon Root CA 2",
        "Amazon Root CA 3",
        "Amazon Root CA 4",
        "Starfield Services Root Certificate Authority - G2",
    }


# -- garbage ---------------------------------------------------------------------------------------


def test_in_lambda_the_collector_is_off_until_everything_is_imported():
    program = "import gc, {}; print(gc.isenabled(), gc.get_freeze_count() > 50_000)"
    environment = {"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9", "AWS_REGION": REGION, **KEYS}

    def printed(module):
        command = [sys.executable, "-c", program.format(module)]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout.split()

    assert printed("handlers") == ["False", "False"]
    assert printed("handlers.reactor") == ["True", "True"]
