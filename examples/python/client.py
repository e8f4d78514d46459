#!/usr/bin/env python3
"""A client of Chorus over gRPC, in Python.

usage: client.py unary|stream|cancel [ADDRESS] [PROMPT]

ADDRESS is HOST:PORT of the gRPC API (localhost:50051). The modules it imports are made of the protos by
make_modules.sh. http_client.py does the same over HTTP and needs nothing but Python.
"""
import sys

try:
    import google.protobuf  # noqa: F401
    import grpc
except ImportError as error:
    sys.exit(f"client.py: {error}. Install it with\n"
             "  apt-get install python3-grpcio python3-protobuf\n"
             "or\n"
             "  pip install grpcio protobuf\n"
             "or take http_client.py, which needs nothing but Python.")
try:
    from chorus.v1 import inference_pb2, inference_pb2_grpc
except ImportError as error:
    here = sys.path[0]
    sys.exit(f"client.py: {error}. Make the modules of the protos first:\n"
             f"  {here}/make_modules.sh /tmp/chorus-modules\n"
             f"  PYTHONPATH=/tmp/chorus-modules {here}/client.py {' '.join(sys.argv[1:])}")


def unary(stub, prompt):
    """Every branch's text with its score."""
    request = inference_pb2.ClassifyGeneratedTextsRequest(text=prompt, max_length=40, seed=7, details=True)
    response = stub.ClassifyGeneratedTexts(request, timeout=60)
    for result in response.results:
        print(f"{result.model}: {result.label} {result.score:.3f}: {result.generated!r}")


def stream(stub, prompt):
    """Tokens and scores as they come."""
    request = inference_pb2.ClassifyGeneratedTextsRequest(text=prompt, max_length=40, seed=7)
    for event in stub.StreamClassifyGeneratedTexts(request, timeout=60):
        kind = event.WhichOneof("event")
        if kind == "token":
            print(f"token {event.token.branch}: {event.token.text!r}")
        elif kind == "score":
            print(f"score {event.score.branch}: {event.score.label} {event.score.score:.3f}")
        elif kind == "done":
            print(f"done: {event.done.generated_tokens} tokens")


def cancel(stub, prompt):
    """Leaves after the first token: the runners stop within a step."""
    request = inference_pb2.ClassifyGeneratedTextsRequest(text=prompt, max_length=200, ignore_eos=True)
    events = stub.StreamClassifyGeneratedTexts(request, timeout=60)
    print(f"first token: {next(events).token.text!r}")
    events.cancel()
    try:
        for _ in events:
            pass
    except grpc.RpcError as error:
        print(f"ended: {error.code().name}")


def main():
    actions = {"unary": unary, "stream": stream, "cancel": cancel}
    if len(sys.argv) < 2 or sys.argv[1] not in actions:
        sys.exit(__doc__)
    address = sys.argv[2] if len(sys.argv) > 2 else "localhost:50051"
    prompt = sys.argv[3] if len(sys.argv) > 3 else "I have an idea!"
    with grpc.insecure_channel(address) as channel:
        try:
            actions[sys.argv[1]](inference_pb2_grpc.InferenceServiceStub(channel), prompt)
        except grpc.RpcError as error:
            sys.exit(f"client.py: {error.code().name}: {error.details()}")


if __name__ == "__main__":
    main()
