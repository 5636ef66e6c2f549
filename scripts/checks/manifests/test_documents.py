"""deploy/README.md and scripts/deploy.sh match the manifests."""

import re

import pytest

from objects import ROOT, SERVICES, documented_defaults, known_settings, manifests

BASE, PRODUCTION = manifests("base"), manifests("production")
README = (ROOT / "deploy/README.md").read_text(encoding="utf-8")
CLIENT, BACKEND = "client-service", "backend-service"


def section(title, end):
    return README.partition(f"\n## {title}\n")[2].partition(end)[0]


def test_readme_lists_each_object_of_the_base():
    listed = {
        (kind.removesuffix("s"), name)
        for kind, names in re.findall(r"^\| ([A-Z]\w+) (`[^|]*`)", section("What is there", "\n## "), re.MULTILINE)
        for name in re.findall(r"`([^`]+)`", names)
    }
    assert listed == {
        (kind, re.sub("-[a-z0-9]{10}$", "-*", name) if kind == "ConfigMap" else name) for kind, name in BASE
    }


def settings_by_place():
    return {
        "are in the Deployments": {setting for name in SERVICES for setting in BASE.own_settings(name)},
        "stay as they are": {"HOST", "PORT"},
    }


@pytest.mark.parametrize(("place", "settings"), settings_by_place().items(), ids=settings_by_place())
def test_readme_names_the_place_of_each_setting(place, settings):
    said = re.search(rf"((?:`[A-Z_]+`(?:,|\s+and)?\s+)+){place}", section("Changing a setting", "\n```"))
    assert said, f"no settings that {place!r}"
    assert sorted(re.findall("[A-Z_]+", said[1])) == sorted(settings)


@pytest.mark.parametrize("name", SERVICES)
def test_settings_that_no_manifest_has_are_those_without_a_default(name):
    # Kubernetes sets HOSTNAME.
    given = {*BASE.own_settings(name), *BASE.config_map_data(name), "HOST", "PORT", "HOSTNAME"}
    defaults = documented_defaults()
    assert {setting for setting in known_settings(name) if defaults[setting] == "unset"} == known_settings(name) - given


def sentences():
    """Sentences of the README, with the numbers of the manifests."""

    def limit(objects, name):
        return objects.memory_limit(name) // 1024

    scaled = PRODUCTION.the("HorizontalPodAutoscaler", CLIENT)["spec"]
    share = scaled["metrics"][0]["resource"]["target"]["averageUtilization"]
    tag = PRODUCTION.container(CLIENT)["image"].rpartition(":")[2]
    base_client, base_backend = BASE.settings(CLIENT), BASE.settings(BACKEND)
    client, backend = PRODUCTION.settings(CLIENT), PRODUCTION.settings(BACKEND)
    return (
        f"the base has {base_client['MAX_CALLS']} in {limit(BASE, CLIENT)} MiB, production {client['MAX_CALLS']}.",
        f"the base has `MAX_CONNECTIONS` = {base_client['MAX_CONNECTIONS']} for the client and "
        f"{base_backend['MAX_CONNECTIONS']} in {limit(BASE, BACKEND)} MiB for each backend, "
        f"production {backend['MAX_CONNECTIONS']} in {limit(PRODUCTION, BACKEND)} MiB",
        f"`WORKERS={base_client['WORKERS']}`",
        f"| Deployment `{BACKEND}`, {BASE.replicas(BACKEND)} replicas |",
        f"{scaled['minReplicas']} to {scaled['maxReplicas']} clients at {share} % of the CPU request",
        f" IMAGE_TAG={tag} scripts/build-images.sh ",
        f"| {PRODUCTION.replicas(BACKEND)} replicas; all fault rates 0",
        f"answers within {client['CALL_DEADLINE']} s (`CALL_DEADLINE`), {client['RETRY_MAX_ATTEMPTS']} attempts",
    )


@pytest.mark.parametrize("sentence", sentences())
def test_readme_quotes_the_numbers_of_the_manifests(sentence):
    assert sentence in " ".join(README.split())


# ConfigMaps are kept on purpose: `rollout undo` needs the old ones.
def test_deploy_script_searches_every_kind_that_an_overlay_may_leave():
    script = (ROOT / "scripts/deploy.sh").read_text(encoding="utf-8")
    kinds = re.search(r"^readonly kinds=([a-z,]+)$", script, re.MULTILINE)[1].split(",")
    assert sorted(kinds) == sorted({kind.lower() for kind, _ in BASE | PRODUCTION} - {"namespace", "configmap"})
