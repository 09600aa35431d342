# SPDX-License-Identifier: BSD-3-Clause
"""Client of control.sock and dataplane.sock: one JSON object a line (docs/control-socket.md)."""
import json
import socket
from typing import Any


class Unavailable(Exception):
    """The process does not answer."""


class Refused(Exception):
    """The process answered that it will not."""


def ask(path: str, command: str, timeout: float = 2.0, **arguments: Any) -> dict[str, Any]:
    """The `result` of one command."""
    request = json.dumps({"command": command, "arguments": arguments}) + "\n"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
            peer.settimeout(timeout)
            peer.connect(path)
            peer.sendall(request.encode())
            answer = b""
            while not answer.endswith(b"\n"):
                part = peer.recv(65536)
                if not part:
                    break
                answer += part
        reply = json.loads(answer)
    except (OSError, ValueError) as error:
        raise Unavailable(f"{path}: {error}") from error
    if not reply.get("ok"):
        raise Refused(f"{path}: {command}: {reply.get('message', 'refused')}")
    result: dict[str, Any] = reply["result"]
    return result
