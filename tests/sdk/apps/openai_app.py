"""An app that talks to OpenAI and Azure, and knows of nothing else."""

from openai import AsyncAzureOpenAI, AsyncOpenAI, AzureOpenAI, OpenAI
from play import KEY, PROMPT, ROOT, main

CHAT = {
    "model": "gpt-4o-mini",
    "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": PROMPT}],
    "max_tokens": 64,
}
WITH_USAGE = {"stream": True, "stream_options": {"include_usage": True}}
ASK = {"model": "gpt-4o-mini", "input": PROMPT}
OLD = {"model": "gpt-3.5-turbo-instruct", "prompt": PROMPT}
WEATHER = {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
TOOLS = [{"type": "function", "function": WEATHER}]

CALLS = {
    "openai-chat": lambda c, _: c.chat.completions.create(**CHAT),
    "openai-chat-tool": lambda c, _: c.chat.completions.create(**CHAT, tools=TOOLS),
    "openai-chat-stream": lambda c, _: c.chat.completions.create(**CHAT, **WITH_USAGE),
    "openai-chat-stream-bare": lambda c, _: c.chat.completions.create(**CHAT, stream=True),
    "openai-chat-helper": lambda c, _: c.chat.completions.stream(**CHAT, stream_options={"include_usage": True}),
    "openai-responses": lambda c, _: c.responses.create(**ASK, store=False),
    "openai-responses-stream": lambda c, _: c.responses.create(**ASK, store=False, stream=True),
    "openai-responses-kept": lambda c, _: c.responses.create(**ASK),
    "openai-embeddings": lambda c, _: c.embeddings.create(model="text-embedding-3-small", input=[PROMPT]),
    "openai-completions": lambda c, _: c.completions.create(**OLD),
    "openai-completions-stream": lambda c, _: c.completions.create(**OLD, **WITH_USAGE),
    "azure-chat": lambda c, _: c.chat.completions.create(**CHAT),
    "azure-chat-stream": lambda c, _: c.chat.completions.create(**CHAT, **WITH_USAGE),
    "openai-retry": lambda c, _: c.chat.completions.create(**CHAT),
    "openai-retry-stream": lambda c, _: c.chat.completions.create(**CHAT, **WITH_USAGE),
    "openai-refused": lambda c, _: c.chat.completions.create(**CHAT),
}


def client(kind, plain, azure):
    if kind.startswith("azure"):
        return azure(azure_endpoint=f"{ROOT}/b/{kind}", api_key=KEY, api_version="2024-10-21")
    return plain(base_url=f"{ROOT}/b/{kind}/v1", api_key=KEY)


if __name__ == "__main__":
    main(
        CALLS, lambda kind: client(kind, OpenAI, AzureOpenAI), lambda kind: client(kind, AsyncOpenAI, AsyncAzureOpenAI)
    )
