"""The settings in the manifests: the services know them, each is set once, and what they allow fits the memory."""

import pytest

from objects import LABS, SERVICES, known_settings, manifests

# Measured with 1000 to 10 000 calls in flight, and 1000 readers of events, rounded up: memory of the process itself, of
# a call in the client, and of a request in the backend; of a stream, with all that the kernel keeps for it. All
# of them with their connection. Of an idle connection, with 4000 open, and of one that is refused.
PROCESS_KIB, CALL_KIB, REQUEST_KIB, STREAM_KIB, IDLE_KIB, REFUSED_KIB = 12 * 1024, 41, 21, 170, 21, 4
# Connections beyond MAX_CONNECTIONS that are screened or closing: twice MAX_SCREENED in
# actors/edge/src/process/file_descriptors.rs.
REFUSED = 2 * 512

each_lab = pytest.mark.parametrize("lab", LABS)
each_service = pytest.mark.parametrize("name", SERVICES)


@each_lab
@each_service
def test_the_service_knows_each_setting(lab, name):
    given = {*manifests(lab).own_settings(name), *manifests(lab).config_map_data(name)}
    assert given <= known_settings(name)


@each_lab
@each_service
def test_each_setting_is_set_once(lab, name):
    assert not set(manifests(lab).own_settings(name)) & set(manifests(lab).config_map_data(name))


# Ports, probes and Services are written for the defaults.
@each_lab
@each_service
def test_the_address_stays_at_its_default(lab, name):
    assert not {"HOST", "PORT"} & {*manifests(lab).own_settings(name), *manifests(lab).config_map_data(name)}


# Bounds what a pod without CPU limit can use; the default would be all of the node's cores.
@each_lab
@each_service
def test_workers_are_set(lab, name):
    assert "WORKERS" in manifests(lab).own_settings(name)


@each_lab
def test_a_client_has_connections_for_its_calls_and_streams(lab):
    assert client_numbers(lab)["idle"] >= 0


@each_lab
def test_a_client_has_memory_for_its_calls_streams_and_connections(lab):
    numbers = client_numbers(lab)
    needed = PROCESS_KIB + numbers["calls"] * CALL_KIB + numbers["streams"] * STREAM_KIB
    needed += numbers["idle"] * IDLE_KIB + REFUSED * REFUSED_KIB
    assert needed <= manifests(lab).memory_limit("client-service")


@each_lab
def test_backends_have_connections_for_the_calls_of_all_clients(lab):
    objects = manifests(lab)
    autoscaler = objects.find("HorizontalPodAutoscaler", "client-service")
    clients = autoscaler["spec"]["maxReplicas"] if autoscaler else objects.replicas("client-service")
    # One backend may be down.
    backends = max(1, objects.replicas("backend-service") - 1)
    assert client_numbers(lab)["calls"] * clients // backends <= backend_connections(lab)


@each_lab
def test_a_backend_has_memory_for_all_its_connections(lab):
    needed = PROCESS_KIB + backend_connections(lab) * REQUEST_KIB + REFUSED * REFUSED_KIB
    assert needed <= manifests(lab).memory_limit("backend-service")


def client_numbers(lab):
    """The limits of a client: calls, event streams, and further connections."""
    settings = manifests(lab).settings("client-service")
    calls, streams = int(settings["MAX_CALLS"]), int(settings["MAX_EVENT_STREAMS"])
    return {"calls": calls, "streams": streams, "idle": int(settings["MAX_CONNECTIONS"]) - calls - streams}


def backend_connections(lab):
    return int(manifests(lab).settings("backend-service")["MAX_CONNECTIONS"])
