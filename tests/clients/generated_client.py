"""Generates a client from the API's description and chats with it.

generated_client.py BASE DOCUMENT USERNAME PASSWORD
"""

import importlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

base, document, username, password = sys.argv[1:]
folder = Path(tempfile.mkdtemp())
generator = Path(sys.executable).with_name("openapi-python-client")
made = subprocess.run(
    [generator, "generate", "--path", document, "--meta", "none", "--output-path", folder / "house"],
    # The generator calls the formatter that was installed beside it.
    env={**os.environ, "PATH": f"{generator.parent}:{os.environ.get('PATH', '')}"},
    capture_output=True, text=True,
)
assert made.returncode == 0, made.stdout + made.stderr
warnings = [line for line in (made.stdout + made.stderr).splitlines() if "WARNING" in line]
assert not warnings, made.stdout + made.stderr
sys.path.insert(0, str(folder))

house = importlib.import_module("house")


def operation(name):
    """The module of an operation, whichever tag it is filed under."""
    found = list(folder.glob(f"house/api/*/{name}.py"))
    assert len(found) == 1, f"{name}: {found}"
    return importlib.import_module(f"house.api.{found[0].parent.name}.{name}")


def model(name):
    return getattr(importlib.import_module("house.models"), name)


# The document's server is relative: its path belongs to the address.
address = base + "/api/v1"
anyone = house.Client(base_url=address, raise_on_unexpected_status=True)
signed_in = operation("sign_in").sync(client=anyone, body=model("SignIn")(login=username, password=password))
client = house.AuthenticatedClient(base_url=address, token=signed_in.access_token, raise_on_unexpected_status=True)

assert operation("get_me").sync(client=client).user.username == username
models = operation("list_models").sync(client=client)
assert models.items

body = model("SendMessage")(content="Hello", model=models.default_model)
exchange = operation("start_chat").sync(client=client, body=body)
assert exchange.reply.content and exchange.reply.status == "complete", exchange
body = model("SendMessage")(content="And again")
second = operation("send_message").sync(id=exchange.conversation.id, client=client, body=body)
assert second.message.parent_id == exchange.reply.id
messages = operation("list_messages").sync(id=exchange.conversation.id, client=client)
assert len(messages.items) == 4
page = operation("list_conversations").sync(client=client)
assert [item.id for item in page.items] == [exchange.conversation.id]

missing = operation("get_conversation").sync_detailed(id="nothing", client=client)
assert missing.status_code == 404 and missing.parsed.error.code == "not_found", missing
print(f"generated client: {len(list(folder.glob('house/api/*/*.py')))} files, a chat of {len(messages.items)} messages")
