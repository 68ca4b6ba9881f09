"""Drives the house with OpenAI's own package: openai_client.py BASE TOKEN."""

import json
import sys

import openai
import pydantic

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

# Tools: the calls come, their answers go back, the reply follows; whole and streamed.
tools = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "The weather in a city",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
                "additionalProperties": False,
            },
            "strict": True,
        },
    }
]
talk = [{"role": "user", "content": "Is it warm in Oslo?"}]
first = client.chat.completions.create(model=models[0], messages=talk, tools=tools)
assert first.choices[0].finish_reason == "tool_calls" and first.choices[0].message.content is None
assert first.choices[0].message.reasoning_content == "I look."
with client.chat.completions.stream(model=models[0], messages=talk, tools=tools) as stream:
    kinds = {event.type for event in stream}
    streamed = stream.get_final_completion().choices[0].message
assert "tool_calls.function.arguments.delta" in kinds, kinds
call = streamed.tool_calls[0]
assert call.function.arguments == first.choices[0].message.tool_calls[0].function.arguments
assert json.loads(call.function.arguments) == {"city": "Oslo"}
talk += [streamed, {"role": "tool", "tool_call_id": call.id, "content": "warm"}]
last = client.chat.completions.create(model=models[0], messages=talk, tools=tools)
assert last.choices[0].message.content == "It is warm.", last

# Structured output: a class in, an object out.


class Person(pydantic.BaseModel):
    name: str
    age: int


parsed = client.chat.completions.parse(
    model=models[0], messages=[{"role": "user", "content": "Make a person"}], response_format=Person
)
assert parsed.choices[0].message.parsed == Person(name="Ada", age=36), parsed

several = client.chat.completions.create(
    model=models[0], messages=question, n=2, logprobs=True, top_logprobs=1
)
assert [choice.index for choice in several.choices] == [0, 1]
assert several.choices[1].logprobs.content[0].top_logprobs[0].token

# A text that goes on, and vectors; the package asks for base64 by itself.
story = client.completions.create(model=models[0], prompt="Hello", max_tokens=100)
assert story.choices[0].text == "You said: Hello", story
pieces_of_story = client.completions.create(
    model=models[0], prompt="Hello", max_tokens=100, stream=True
)
assert "".join(chunk.choices[0].text for chunk in pieces_of_story) == story.choices[0].text
vectors = client.embeddings.create(model=models[0], input=["one", "two"])
assert len(vectors.data) == 2 and len(vectors.data[0].embedding) == len(vectors.data[1].embedding)
plain = client.embeddings.create(model=models[0], input="one", encoding_format="float")
near = zip(plain.data[0].embedding, vectors.data[0].embedding)
assert all(abs(a - b) < 1e-6 for a, b in near)

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
