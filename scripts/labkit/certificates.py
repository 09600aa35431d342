# SPDX-License-Identifier: BSD-3-Clause
"""Certificates of a lab whose monitoring goes over TLS: one of the fleet's CA for all its hosts, and one of a CA of nobody's."""
from pathlib import Path

from labkit.namespaces import run
from labkit.plan import ROUTER4, Plan

EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


def folder(plan: Plan) -> str:
    """Goes with the lab."""
    return f"/run/fairlead/{plan.lab}-tls"


def yaml(plan: Plan, host: str) -> str:
    """The keys `certificate`, `key` and `ca` of a host, with a comma before them; "" where there is no TLS, or this host has none."""
    if "tls" not in plan.extra or host == plan.extra.get("plain"):
        return ""
    where, name = folder(plan), "stranger" if host == plan.extra.get("stranger") else "host"
    return f", certificate: {where}/{name}.pem, key: {where}/{name}.key, ca: {where}/ca.pem"


def make(plan: Plan) -> None:
    where = Path(folder(plan))
    where.mkdir(parents=True, exist_ok=True)
    addresses = [ROUTER4, *(host.address4 for host in plan.hosts())]
    _certify(where, "ca", "host", addresses)
    _certify(where, "strangers-ca", "stranger", addresses)


def _certify(where: Path, ca: str, name: str, addresses: list[str]) -> None:
    def file(of: str, kind: str) -> str:
        return str(where / f"{of}.{kind}")
    run("openssl", "req", "-x509", *EC, "-days", "2", "-subj", f"/CN={ca}", "-keyout", file(ca, "key"), "-out", file(ca, "pem"))
    run("openssl", "req", *EC, "-subj", f"/CN={name}", "-keyout", file(name, "key"), "-out", file(name, "csr"))
    names = ",".join(f"IP:{address}" for address in addresses)
    Path(file(name, "ext")).write_text(f"subjectAltName={names}\n", encoding="ascii")
    run("openssl", "x509", "-req", "-in", file(name, "csr"), "-CA", file(ca, "pem"), "-CAkey", file(ca, "key"), "-CAcreateserial",
        "-days", "2", "-extfile", file(name, "ext"), "-out", file(name, "pem"))
