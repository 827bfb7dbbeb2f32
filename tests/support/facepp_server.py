"""A loopback stand-in for the Face++ Detect API v3, with its documented answers and errors."""

import email
import email.policy
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY, SECRET = "key-3f1c9a", "secret-77d0be"

Answer = tuple[int, str | bytes]  # status and body; status 0 cuts the connection, -1 stays silent


def error(status: int, message: str) -> Answer:
    """An error as the service documents it."""
    return status, json.dumps({"time_used": 3, "error_message": message, "request_id": "1,a"})


def face(points: list[tuple[float, float]], side: int = 100) -> dict:
    """A face with its 83 points (those that matter here, and another) in our order."""
    names = ["left_eye_center", "right_eye_center", "nose_tip"]
    names += ["mouth_left_corner", "mouth_right_corner"]
    named = {name: {"x": x, "y": y} for name, (x, y) in zip(names, points, strict=True)}
    return {
        "face_token": "c2fc0ad7c8da3af5a34b9c70ff764da0",
        "face_rectangle": {"top": 60, "left": 50, "width": side, "height": side},
        "landmark": {**named, "contour_chin": {"x": 100, "y": 210}},
    }


def found(*faces: dict) -> Answer:
    body = {
        "request_id": "1470472868,dacf2ff1",
        "time_used": 473,
        "faces": list(faces),
        "image_id": "xQ==",
        "face_num": len(faces),
    }
    return 200, json.dumps(body)


@dataclass
class Requests:
    """What the server was asked, and what it will answer: the last answer again and again."""

    url: str = ""
    answers: list[Answer] = field(default_factory=list)
    asked: list[dict[str, bytes]] = field(default_factory=list)
    busiest: int = 0  # requests at a time


@contextmanager
def serve(*answers: Answer) -> Iterator[Requests]:
    """Run the server; each request takes the next answer. It checks key and secret itself."""
    state, released = Requests(answers=list(answers)), threading.Event()
    running: list[BaseHTTPRequestHandler] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            running.append(self)
            state.busiest = max(state.busiest, len(running))
            body = self.rfile.read(int(self.headers["Content-Length"]))
            header = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
            message = email.message_from_bytes(header + body, policy=email.policy.HTTP)
            fields = {
                part.get_param("name", header="content-disposition"): part.get_payload(decode=True)
                for part in message.iter_parts()
            }
            state.asked.append(fields)
            status, text = state.answers[min(len(state.asked), len(state.answers)) - 1]
            if (fields["api_key"], fields["api_secret"]) != (KEY.encode(), SECRET.encode()):
                status, text = error(401, "AUTHENTICATION_ERROR")
            time.sleep(0.01)
            running.remove(self)
            if status == -1:
                released.wait(5)
                return
            if status == 0:
                self.connection.close()
                return
            data = text.encode() if isinstance(text, str) else text
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", state.url + "/elsewhere")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_address[1]}/facepp/v3/detect"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        released.set()
        server.shutdown()
        server.server_close()
