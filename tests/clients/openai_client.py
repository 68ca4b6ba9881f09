"""Drives the house with OpenAI's own package: openai_client.py BASE TOKEN."""

import sys

import openai

base, token = sys.argv[1:]
client = openai.OpenAI(base_url=f"{base}/v1", api_key=token, max_retries=0, timeout=20)

models = [model.id for model in client.models.list()]
assert models, "no models"

question = [{"role": "user", "content": "Tell me slowly"}]
whole = client.chat.completions.create(model=models[0], messages=question)
text = whole.choices[0].message.content
assert text and whole.choices[0].finish_reason == "stop" and whole.usage.total_tokens > 0

pieces, usage = [], None
stream = client.chat.completions.create(
    model=models[0], messages=question, stream=True, stream_options={"include_usage": True}
)
for chunk in stream:
    pieces += [choice.delta.content or "" for choice in chunk.choices]
    usage = chunk.usage or usage
assert "".join(pieces) == text and len(pieces) > 5 and usage.completion_tokens > 0

cut = client.chat.completions.create(model=models[0], messages=question, max_tokens=2)
assert cut.choices[0].finish_reason == "length"

try:
    openai.OpenAI(base_url=f"{base}/v1", api_key="wrong", max_retries=0).models.list()
    raise SystemExit("a wrong key was accepted")
except openai.AuthenticationError as error:
    assert error.code == "unauthenticated", error

try:
    client.chat.completions.create(model=models[0], messages=[])
    raise SystemExit("no messages were accepted")
except openai.BadRequestError as error:
    assert error.code == "invalid_request", error

print(f"openai {openai.__version__}: {len(models)} models, {len(pieces)} pieces")
