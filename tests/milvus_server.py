"""A Milvus Lite server in a process of its own, on loopback: what the tests of an index in Milvus
and the benchmarks talk to.

Lite knows no passwords and no TLS; here it stands behind gRPC's own, as Milvus does: a call with
another token is answered as Milvus answers it. Run as a program: data folder, then ``--token``,
``--version``, ``--key`` and ``--certificate``; it writes its port on stdout.
"""

from __future__ import annotations

import argparse
import base64
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[str]:
    """A server with its data in ``folder``, until the block ends; gives its URL."""
    command = [sys.executable, __file__, str(folder), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            port = server.stdout.readline().strip()
            assert port.isdigit(), "the Milvus Lite server did not start"
            scheme = "https" if "--certificate" in options else "http"
            yield f"{scheme}://localhost:{port}"
        finally:
            server.kill()


def main() -> None:
    import grpc
    from milvus_lite.adapter.grpc.servicer import MilvusServicer
    from milvus_lite.db import MilvusLite
    from pymilvus.grpc_gen import milvus_pb2_grpc

    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--token", default="")
    parser.add_argument("--version", default="")
    parser.add_argument("--key", type=Path)
    parser.add_argument("--certificate", type=Path)
    options = parser.parse_args()
    expected = base64.b64encode(options.token.encode()).decode()

    class Login(grpc.ServerInterceptor):
        def intercept_service(self, continuation, call):
            given = dict(call.invocation_metadata).get("authorization", "")
            if given == expected or not options.token:
                return continuation(call)
            why = "auth check failure, please check username and password are correct"

            def refuse(_request, context):
                context.abort(grpc.StatusCode.UNAUTHENTICATED, why)

            return grpc.unary_unary_rpc_method_handler(refuse)

    class Servicer(MilvusServicer):
        def GetVersion(self, request, context):
            answer = super().GetVersion(request, context)
            if options.version:
                answer.version = options.version
            return answer

    # Milvus allows its clients' keep-alive pings; gRPC by itself hangs up after a few.
    patient = [("grpc.http2.max_ping_strikes", 0)]
    server = grpc.server(futures.ThreadPoolExecutor(10), interceptors=[Login()], options=patient)
    database = MilvusLite(options.folder)
    milvus_pb2_grpc.add_MilvusServiceServicer_to_server(Servicer(database), server)
    address = "localhost:0"
    if options.certificate:
        pair = options.key.read_bytes(), options.certificate.read_bytes()
        port = server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
    else:
        port = server.add_insecure_port(address)
    server.start()
    print(port, flush=True)
    while True:
        time.sleep(3_600)


if __name__ == "__main__":
    main()
