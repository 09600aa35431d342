#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""gRPC and HTTP/JSON of a running fairlead-control: roles, errors, watches, mutual TLS.

usage: api_test.py CONTROL_BINARY FOLDER_OF_CONTROL_PROTO PROTOC; exit status 77: skipped.
"""
import http.client
import json
import os
import shlex
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

CONTROL, PROTO, PROTOC = sys.argv[1:4]
del sys.argv[1:4]
try:
    import grpc
except ImportError:
    print("python3-grpcio is not there")
    sys.exit(77)
if os.geteuid() != 0:
    print("only root can become somebody else")
    sys.exit(77)

GENERATED = tempfile.TemporaryDirectory(prefix="fairlead-api-")
subprocess.run([PROTOC, f"--proto_path={PROTO}", f"--python_out={GENERATED.name}", "control.proto"], check=True)
sys.path.insert(0, GENERATED.name)
import control_pb2 as pb  # noqa: E402

SERVICE = pb.DESCRIPTOR.services_by_name["Control"]
NOBODY = 65534
DEADLINE_S = 20.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class UnixHttp(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("fairlead", timeout=DEADLINE_S)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(DEADLINE_S)
        self.sock.connect(self.path)


def certificates(folder: Path) -> None:
    """A CA, and certificates it signed for the server, an admin called ops and a client called eve."""
    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=folder)
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca", "-days", "2")
    for name, alt in (("server", "IP:127.0.0.1"), ("ops", "DNS:ops"), ("eve", "DNS:eve")):
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        (folder / f"{name}.ext").write_text(f"subjectAltName={alt}\n")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-out", f"{name}.pem", "-days", "2", "-extfile", f"{name}.ext")
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "mallory.key", "-out", "mallory.pem", "-subj", "/CN=ops", "-days", "2")


class ApiTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory(prefix="fairlead-api-")
        cls.folder = Path(cls.temporary.name)
        cls.folder.chmod(0o755)
        certificates(cls.folder)
        cls.grpc_port, cls.http_port = free_port(), free_port()
        cls.run_dir = cls.folder / "run"
        (cls.folder / "c.yaml").write_text(f"""
node: {{id: t1, address: 192.0.2.11, runtime_dir: {cls.run_dir}}}
metrics: {{listen: off}}
monitoring: {{interval: 100ms, listen: off}}
policy: {{name: static}}
health: {{type: none}}
api:
  grpc: 127.0.0.1:{cls.grpc_port}
  http: 127.0.0.1:{cls.http_port}
  certificate: {cls.folder}/server.pem
  key: {cls.folder}/server.key
  client_ca: {cls.folder}/ca.pem
  admins: [ops]
vips:
  - name: web
    address: 203.0.113.10
    port: 80
    backends:
      - {{id: b1, address: 10.0.0.1}}
      - {{id: b2, address: 10.0.0.2}}
""")
        cls.log = open(cls.folder / "log", "wb")
        cls.daemon = subprocess.Popen([CONTROL, "--config", str(cls.folder / "c.yaml")], stderr=cls.log)
        cls.wait_for(lambda: (cls.run_dir / "http.sock").exists() and cls.status_now().get("generation", 0) > 0)

    @classmethod
    def tearDownClass(cls):
        cls.daemon.terminate()
        ended = cls.daemon.wait(timeout=DEADLINE_S)
        cls.log.close()
        cls.temporary.cleanup()
        assert ended == 0, f"exit status {ended}"

    @classmethod
    def wait_for(cls, condition):
        deadline = time.monotonic() + DEADLINE_S
        while not condition():
            assert cls.daemon.poll() is None, (cls.folder / "log").read_text()
            assert time.monotonic() < deadline, (cls.folder / "log").read_text()
            time.sleep(0.02)

    @classmethod
    def status_now(cls):
        try:
            return cls.http("GET", "/v1/show/status")[1]
        except OSError:
            return {}

    @classmethod
    def http(cls, verb, path, body=None, connection=None, headers=None):
        """Status and answer."""
        connection = connection or UnixHttp(str(cls.run_dir / "http.sock"))
        connection.request(verb, path, json.dumps(body) if body is not None else None, headers or {})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())

    def channel(self):
        channel = grpc.insecure_channel(f"unix:{self.run_dir}/api.sock")
        self.addCleanup(channel.close)
        return channel

    def secure(self, who):
        read = lambda name: (self.folder / name).read_bytes()  # noqa: E731
        channel = grpc.secure_channel(f"127.0.0.1:{self.grpc_port}", grpc.ssl_channel_credentials(
            read("ca.pem"), read(f"{who}.key"), read(f"{who}.pem")))
        self.addCleanup(channel.close)
        return channel

    @staticmethod
    def rpc(channel, name, **fields):
        method = SERVICE.methods_by_name[name]
        request, response = (getattr(pb, t.name) for t in (method.input_type, method.output_type))
        kind = channel.unary_stream if name.startswith("Watch") else channel.unary_unary
        call = kind(f"/{SERVICE.full_name}/{name}", request_serializer=request.SerializeToString,
                    response_deserializer=response.FromString)
        return call(request(**fields), timeout=DEADLINE_S)

    def refused(self, channel, name, **fields):
        with self.assertRaises(grpc.RpcError) as error:
            self.rpc(channel, name, **fields)
        return error.exception.code().name, error.exception.details()

    def tls(self, who):
        context = ssl.create_default_context(cafile=str(self.folder / "ca.pem"))
        if who:
            context.load_cert_chain(str(self.folder / f"{who}.pem"), str(self.folder / f"{who}.key"))
        return http.client.HTTPSConnection("127.0.0.1", self.http_port, context=context, timeout=DEADLINE_S)

    # --- what is asked and answered ---

    def test_typed_answers_over_grpc(self):
        channel = self.channel()
        self.assertEqual(self.rpc(channel, "ShowStatus").node, "t1")
        backends = self.rpc(channel, "ShowBackend", vip="web").backends
        self.assertEqual([b.id for b in backends], ["b1", "b2"])
        self.assertEqual(self.rpc(channel, "ShowTable", vip="web").size, sum(
            s.slots for s in self.rpc(channel, "ShowTable", vip="web").shares))
        decision = self.rpc(channel, "Lookup", protocol="tcp", src="198.51.100.7", sport=40000, dst="203.0.113.10", dport=80)
        self.assertEqual(decision.vip, "web")
        self.assertIn(decision.chosen, ("b1", "b2"))

    def test_every_field_of_an_answer_is_in_the_messages(self):
        from google.protobuf import json_format
        for name, method in SERVICE.methods_by_name.items():
            words = "".join(" " + c.lower() if c.isupper() else c for c in name).split()
            reads = words[0] == "show" and words[1:] not in (["config"], ["config", "running"], ["config", "pending"])
            if not reads or name in ("ShowTable", "ShowTableDiff", "ShowFlowTuple"):
                continue
            with self.subTest(name):
                status, answer = self.http("GET", "/v1/" + "/".join(words))
                if status == 503:  # needs a data plane
                    continue
                self.assertEqual(status, 200, answer)
                json_format.Parse(json.dumps(answer), getattr(pb, method.output_type.name)())

    def test_errors_over_grpc_are_one_line_with_their_code(self):
        channel = self.channel()
        self.assertEqual(self.refused(channel, "ShowVip", vip="wep")[0], "NOT_FOUND")
        self.assertEqual(self.refused(channel, "SetBackend", backend="b1", weight=10001), (
            "INVALID_ARGUMENT", "argument 'weight' must be a whole number, 0 to 10000"))
        self.assertEqual(self.refused(channel, "ConfigCommit")[0], "FAILED_PRECONDITION")
        unknown = channel.unary_unary(f"/{SERVICE.full_name}/Reboot")
        with self.assertRaises(grpc.RpcError) as error:
            unknown(b"", timeout=DEADLINE_S)
        self.assertIn("no method", error.exception.details())
        garbage = channel.unary_unary(f"/{SERVICE.full_name}/ShowVip")
        with self.assertRaises(grpc.RpcError) as error:
            garbage(b"\xff\xff\xff", timeout=DEADLINE_S)
        self.assertEqual(error.exception.details(), "the request is no fairlead.control.v1.VipRequest")

    def test_http_says_the_same(self):
        self.assertEqual(self.http("GET", "/v1/show/backend?backend=b2")[1]["backends"][0]["id"], "b2")
        self.assertEqual(self.http("POST", "/v1/show/vip", {"vip": "web"})[0], 200)
        self.assertEqual(self.http("GET", "/v1/show/vip?vip=wep")[0], 404)
        self.assertEqual(self.http("GET", "/v1/show/vip?vip=a&vip=b"), (
            400, {"code": "invalid_argument", "message": "argument 'vip' is in the query twice"}))
        self.assertEqual(self.http("POST", "/v1/config/confirm")[0], 409)
        edit = {"edit": "set", "vip": "web", "values": [{"key": "choices", "value": "2"}]}
        self.assertTrue(self.http("POST", "/v1/config/edit", edit)[1]["pending"])
        self.assertIn("choices: 2", self.http("POST", "/v1/show/config/pending")[1]["text"])
        self.assertEqual(self.http("POST", "/v1/config/discard")[0], 200)
        self.assertEqual(self.http("DELETE", "/v1/show/vip")[1]["code"], "invalid_argument")
        status, answer = self.http("POST", "/v1/show/vip?vip=web", {"vip": "web"})
        self.assertEqual((status, answer["message"]), (400, "arguments are in the query and in the body, give one of them"))
        connection = UnixHttp(str(self.run_dir / "http.sock"))
        for _ in range(3):  # kept alive
            self.assertEqual(self.http("GET", "/v1/show/version", connection=connection)[0], 200)

    # --- who may ---

    def test_the_documented_lines_of_curl_work_as_they_stand(self):
        if shutil.which("curl") is None:
            self.skipTest("curl is not there")
        document = (Path(PROTO).parents[1] / "docs" / "api.md").read_text()
        lines = [line for line in document.splitlines() if line.startswith("curl --unix-socket ")]
        self.assertGreaterEqual(len(lines), 3)
        for line in lines:
            words = shlex.split(line.replace("/run/fairlead/lb1", str(self.run_dir)))
            watches = "/v1/watch/" in line  # ends when the time is over
            done = subprocess.run([*words, "--silent", "--show-error", "--fail-with-body", "--max-time", "1" if watches else "20"],
                                  capture_output=True, text=True)
            self.assertEqual(done.returncode, 28 if watches else 0, f"{line}\n{done.stdout}{done.stderr}")
        self.assertEqual(self.http("GET", "/v1/show/drain")[1]["drains"][0]["then"], "remove")
        self.http("POST", "/v1/undrain/backend", {"backend": "b1"})

    def test_a_body_is_json_whatever_its_type_says(self):
        text = (self.folder / "c.yaml").read_text() + "#" * 20_000  # httplib takes forms of 8 KiB
        for kind in ("application/x-www-form-urlencoded", "text/plain", "application/json"):
            status, answer = self.http("POST", "/v1/config/load", {"text": text}, headers={"Content-Type": kind})
            self.assertEqual((status, answer.get("pending")), (200, True), answer)
        self.http("POST", "/v1/config/discard")
        status, answer = self.http("POST", "/v1/freeze/weights?backend=b1", {"backend": "b1"})
        self.assertEqual((status, answer["message"]), (400, "arguments are in the query and in the body, give one of them"))
        status, answer = self.http("POST", "/v1/freeze/weights", {}, headers={"Content-Type": "multipart/form-data; boundary=x"})
        self.assertEqual((status, answer["code"]), (400, "invalid_argument"))

    def as_nobody(self, function):
        """What `function` gives to a process of another user."""
        ends = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
                os.write(ends[1], json.dumps(function()).encode())
            finally:
                os._exit(0)
        os.close(ends[1])
        with os.fdopen(ends[0]) as answer:
            text = answer.read()
        os.waitpid(child, 0)
        return json.loads(text) if text else None

    def test_strangers_look_and_change_nothing(self):
        self.assertEqual(self.as_nobody(lambda: self.http("GET", "/v1/show/version"))[0], 200)
        status, answer = self.as_nobody(
            lambda: self.http("POST", "/v1/freeze/weights", headers={"Fairlead-Role": "admin"}))
        self.assertEqual((status, answer["code"]), (403, "permission_denied"))
        self.assertEqual(self.as_nobody(lambda: self.http("POST", "/v1/show/config"))[0], 403)

        program = (
            "import os,sys,grpc\nos.setgroups([]);os.setgid(65534);os.setuid(65534)\n"
            f"channel=grpc.insecure_channel('unix:{self.run_dir}/api.sock')\n"
            "for name in ('ShowVersion','FreezeWeights'):\n"
            "  try:\n"
            f"    channel.unary_unary('/{SERVICE.full_name}/'+name)(b'',timeout={DEADLINE_S})\n"
            "    print('OK')\n"
            "  except grpc.RpcError as error: print(error.code().name)\n")
        said = subprocess.run(["/usr/bin/python3", "-c", program], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(said.stdout.split(), ["OK", "PERMISSION_DENIED"], said.stderr)
        self.assertFalse(self.status_now()["frozen"])

    def test_tcp_needs_a_certificate_and_its_name_decides(self):
        self.assertEqual(self.http("GET", "/v1/show/version", connection=self.tls("eve"))[0], 200)
        self.assertEqual(self.http("POST", "/v1/thaw/weights", connection=self.tls("eve"))[0], 403)
        self.assertEqual(self.http("POST", "/v1/thaw/weights", connection=self.tls("ops"))[0], 200)
        for who in (None, "mallory"):
            with self.subTest(who), self.assertRaises(OSError):
                self.http("GET", "/v1/show/version", connection=self.tls(who))
        self.assertTrue(self.rpc(self.secure("eve"), "ShowVersion").version)
        self.assertEqual(self.refused(self.secure("eve"), "ThawWeights")[0], "PERMISSION_DENIED")
        self.assertFalse(self.rpc(self.secure("ops"), "ThawWeights").frozen)
        self.assertEqual(self.refused(self.secure("mallory"), "ShowVersion")[0], "UNAVAILABLE")

    # --- what happens ---

    def test_watches_tell_what_happens_and_why(self):
        channel = self.channel()
        newest = self.rpc(channel, "ShowEvents").next
        events = self.rpc(channel, "WatchEvents", after=newest)
        weights = self.rpc(channel, "WatchWeights")
        weights.initial_metadata()  # it is subscribed
        connection = UnixHttp(str(self.run_dir / "http.sock"))
        connection.request("GET", f"/v1/watch/events?after={newest}")
        lines = connection.getresponse()

        self.assertEqual(self.rpc(channel, "SetBackend", backend="b1", weight=7).changed, 1)
        weight = next(weights)
        now = self.rpc(channel, "ShowBackend", backend="b1").backends[0]
        self.assertEqual((weight.kind, weight.backend, weight.after), ("weight", "b1", now.weight))
        self.assertGreater(weight.before, 10 * weight.after)
        self.rpc(channel, "DrainBackend", backend="b2", vip="web")
        self.rpc(channel, "UndrainBackend", backend="b2", vip="web")

        wanted = [("drain", "drain begins", "operator"), ("drain", "drain ends", "operator")]
        seen, numbers = [], []
        while wanted[-1] not in seen:
            event = next(events)
            numbers.append(event.id)
            seen.append((event.kind, event.what, event.cause))
            self.assertGreater(event.at_us, 1_600_000_000_000_000)
        self.assertEqual([s for s in seen if s[0] == "drain"], wanted)
        self.assertIn("generation", {kind for kind, _, _ in seen})
        self.assertEqual(numbers, list(range(newest + 1, newest + 1 + len(numbers))))
        self.assertEqual([json.loads(lines.readline())["id"] for _ in numbers], numbers)
        generation = next(self.rpc(channel, "WatchGenerations", after=newest))
        self.assertEqual((generation.kind, generation.what), ("generation", "published"))
        file = [json.loads(line) for line in (self.run_dir / "events.jsonl").read_text().splitlines()]
        self.assertEqual([e["what"] for e in file if e["kind"] == "drain"][-2:], ["drain begins", "drain ends"])

    def test_a_slow_watcher_is_told_what_it_missed_and_holds_nobody_up(self):
        connection = UnixHttp(str(self.run_dir / "http.sock"))
        connection.request("GET", "/v1/watch/events?after=0")
        slow = connection.getresponse()
        channel = self.channel()
        longest = 0.0
        for _ in range(3000):  # the ring keeps 4096; each makes two
            begun = time.monotonic()
            self.rpc(channel, "FreezeWeights")
            self.rpc(channel, "ThawWeights")
            longest = max(longest, time.monotonic() - begun)
        ring = self.rpc(channel, "ShowEvents", after=0, limit=1)
        self.assertGreater(ring.missed, 0)
        self.assertLess(longest, DEADLINE_S / 2)
        last, missed = 0, 0
        while last < ring.events[0].id:  # read on: every number is there, or told as missed
            event = json.loads(slow.readline())
            self.assertEqual(event["id"], last + 1 + event.get("missed", 0))
            last, missed = event["id"], missed + event.get("missed", 0)

    def test_many_clients_at_once(self):
        answers = []

        def ask():
            connection = UnixHttp(str(self.run_dir / "http.sock"))
            answers.extend(self.http("GET", "/v1/show/backend", connection=connection)[0] for _ in range(20))
        threads = [threading.Thread(target=ask) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(answers, [200] * 240)


if __name__ == "__main__":
    unittest.main(warnings="ignore")
