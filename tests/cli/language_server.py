"""yaml-language-server as an editor runs it: over its standard input and output.

`make editors` installs it into .venv/node; YAML_LANGUAGE_SERVER names another one.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import threading

from tests.conftest import ROOT

SERVER = os.environ.get("YAML_LANGUAGE_SERVER") or str(
    ROOT / ".venv" / "node" / "node_modules" / ".bin" / "yaml-language-server"
)
PATIENCE = 60  # seconds; a loaded machine is slow
CAN = {
    "textDocument": {
        "completion": {
            "completionItem": {"snippetSupport": True, "documentationFormat": ["markdown"]}
        },
        "hover": {"contentFormat": ["markdown"]},
        "publishDiagnostics": {},
    },
    "workspace": {"configuration": True, "didChangeConfiguration": {"dynamicRegistration": True}},
}


def is_there() -> bool:
    return shutil.which("node") is not None and os.access(SERVER, os.X_OK)


class Editor:
    """An editor whose server knows the schema of some files: {its address: which}."""

    def __init__(self, schemas: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [SERVER, "--stdio"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        settings = {"schemas": schemas, "schemaStore": {"enable": False}}
        self.settings = {"yaml": {"validate": True, "completion": True, "hover": True, **settings}}
        self.asked = 0
        self.opened = 0
        self.answers: queue.Queue[dict] = queue.Queue()
        self.found: dict[str, queue.Queue[list]] = {}
        threading.Thread(target=self.listen, daemon=True).start()
        self.ask("initialize", {"processId": os.getpid(), "rootUri": None, "capabilities": CAN})
        self.tell("initialized", {})
        self.tell("workspace/didChangeConfiguration", {"settings": self.settings})

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE)
        for stream in (self.process.stdin, self.process.stdout):
            stream.close()

    def wait_for_schema(self) -> None:
        """Open wrong specs until one is underlined: the server reads its settings on the way."""
        for _ in range(PATIENCE):
            if self.problems("layers: 3\n"):
                return

    # -- what an editor does -----------------------------------------------------------------

    def open(self, text: str, folder: str = "file://") -> str:
        """Open a file with this text; its address."""
        self.opened += 1
        uri = f"{folder}/spec-{self.opened}.yaml"
        self.found[uri] = queue.Queue()
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
        self.tell("textDocument/didOpen", {"textDocument": document})
        return uri

    def problems(self, text: str, folder: str = "file://") -> list[tuple[int, str]]:
        """What is underlined: line, counted from 1, and message."""
        found = self.found[self.open(text, folder)].get(timeout=PATIENCE)
        return [(one["range"]["start"]["line"] + 1, one["message"]) for one in found]

    def completions(self, text: str) -> list[dict]:
        """What is offered where `|` stands."""
        place = self.place(text, self.opened_and_read(text.replace("|", "")))
        answer = self.ask("textDocument/completion", place)
        return answer["items"] if isinstance(answer, dict) else answer

    def hover(self, text: str) -> str:
        """What is told of the word before `|`."""
        place = self.place(text, self.opened_and_read(text.replace("|", "")))
        place["position"]["character"] -= 1
        answer = self.ask("textDocument/hover", place)
        return answer["contents"]["value"] if answer else ""

    def opened_and_read(self, text: str) -> str:
        """Open a file, and wait until the server has looked at it; its address."""
        uri = self.open(text)
        self.found[uri].get(timeout=PATIENCE)
        return uri

    @staticmethod
    def place(text: str, uri: str) -> dict:
        before = text.partition("|")[0]
        position = {
            "line": before.count("\n"),
            "character": len(before) - before.rfind("\n") - 1,
        }
        return {"textDocument": {"uri": uri}, "position": position}

    # -- the protocol ------------------------------------------------------------------------

    def tell(self, method: str, params: object) -> None:
        self.send({"method": method, "params": params})

    def ask(self, method: str, params: object) -> dict:
        self.asked += 1
        self.send({"id": self.asked, "method": method, "params": params})
        while True:
            answer = self.answers.get(timeout=PATIENCE)
            if answer["id"] == self.asked:
                assert "error" not in answer, answer
                return answer["result"]

    def send(self, message: dict) -> None:
        data = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(data) + data)
        self.process.stdin.flush()

    def listen(self) -> None:
        stream = self.process.stdout
        while True:
            length = 0
            try:
                while line := stream.readline().strip():
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                message = json.loads(stream.read(length)) if length else None
            except ValueError:  # closed
                return
            if message is None:
                return
            self.heard(message)

    def heard(self, message: dict) -> None:
        method = message.get("method")
        if method == "textDocument/publishDiagnostics":
            self.found[message["params"]["uri"]].put(message["params"]["diagnostics"])
        elif method == "workspace/configuration":
            listed = [self.settings.get(item["section"]) for item in message["params"]["items"]]
            self.send({"id": message["id"], "result": listed})
        elif method is None:
            self.answers.put(message)
        elif "id" in message:
            self.send({"id": message["id"], "result": None})
