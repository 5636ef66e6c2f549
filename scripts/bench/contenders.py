"""What is measured: paths of servers, each with the expected answers."""

from dataclasses import dataclass

from harness.processes import Failure

# The groups of contenders. Those of one group have the same origin.
LAB, GATEWAY, BUILD = "lab", "gateway", "build"


@dataclass(frozen=True)
class Contender:
    """A path of a server, and the expected answers."""

    title: str
    # Contenders with the same server share one process.
    server: str
    path: str
    status: int = 200
    # True if each answer comes from the origin.
    calls_origin: bool = True
    group: str = LAB


def gateway(scheme: str, size: str) -> dict[str, Contender]:
    """Ours and the other proxies, which pass an answer of this size on from an upstream with this scheme."""
    said = {"small": "100 bytes", "large": "1 MiB"}[size] + f" over {scheme}"
    ours = Contender(f"ours, {said}", f"gateway-{scheme}", f"/upstreams/origin/{size}", group=GATEWAY)
    proxies = {"haproxy": "haproxy", "nginx": "nginx", "envoy": "Envoy"}
    return {f"gateway-{scheme}-{size}": ours} | {
        f"{server}-{scheme}-{size}": Contender(f"{title}, {said}", f"{server}-{scheme}", f"/{size}", group=GATEWAY)
        for server, title in proxies.items()
    }


CONTENDERS = {
    "call-backend": Contender("ours, `/api/call-backend`", "client", "/api/call-backend"),
    "before": Contender("ours, with `--before`", "before", "/api/call-backend", group=BUILD),
    "baseline": Contender("ours, without resilience", "client", "/api/call-backend-without-resilience"),
    "bare-awc": Contender("bare awc call in a handler", "bare-awc", "/api/call-backend"),
    "haproxy": Contender("haproxy", "haproxy", "/api/data"),
    "nginx": Contender("nginx", "nginx", "/api/data"),
    "envoy": Contender("Envoy", "envoy", "/api/data"),
    "lab": Contender("Flask, pybreaker, tenacity, requests", "lab", "/api/call-backend"),
    "health": Contender("ours, `/health`", "client-open", "/health", calls_origin=False),
    "open": Contender("ours, circuit open", "client-open", "/api/call-backend", 503, calls_origin=False),
    "lab-open": Contender("Flask, pybreaker: circuit open", "lab-open", "/api/call-backend", 503, calls_origin=False),
    **gateway("http", "small"),
    **gateway("https", "small"),
    **gateway("http", "large"),
    **gateway("https", "large"),
    "gateway-many": Contender(
        "ours, 100 bytes over http, with 1 000 upstreams", "gateway-many", "/upstreams/origin/small", group=GATEWAY
    ),
}


def chosen(names: str | None, with_before: bool = False) -> list[str]:
    """The contenders that the user names, in the order of the table; all of the lab by default.

    `gateway` names all of its group. `with_before` adds the build before.
    """
    asked = [name for name, contender in CONTENDERS.items() if contender.group == LAB] if names is None else []
    asked += ["before"] if with_before else []
    for name in names.split(",") if names is not None else []:
        if name not in CONTENDERS and name != GATEWAY:
            raise Failure(f'there is no contender "{name}"; contenders: {GATEWAY} (a group), {", ".join(CONTENDERS)}')
        asked.append(name)
    return [name for name, it in CONTENDERS.items() if name in asked or (it.group == GATEWAY and GATEWAY in asked)]
