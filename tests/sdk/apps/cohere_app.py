"""An app that talks to Cohere, and knows of nothing else."""

from cohere import AsyncClientV2, ClientV2
from play import KEY, PROMPT, ROOT, main

CHAT = {"model": "command-a-03-2025", "messages": [{"role": "user", "content": PROMPT}], "temperature": 0.5}
FUNCTION = {"name": "get_weather", "description": "The weather in a city.", "parameters": {"type": "object"}}
EMBEDDED = {"model": "embed-v4.0", "texts": [PROMPT], "input_type": "search_query", "embedding_types": ["float"]}

CALLS = {
    "cohere-chat": lambda c, _: c.chat(**CHAT),
    "cohere-chat-tool": lambda c, _: c.chat(**CHAT, tools=[{"type": "function", "function": FUNCTION}]),
    "cohere-chat-stream": lambda c, _: c.chat_stream(**CHAT),
    "cohere-embeddings": lambda c, _: c.embed(**EMBEDDED),
    "cohere-retry": lambda c, _: c.chat(**CHAT),
    "cohere-refused": lambda c, _: c.chat(**CHAT),
}

if __name__ == "__main__":
    main(
        CALLS,
        lambda kind: ClientV2(base_url=f"{ROOT}/b/{kind}", api_key=KEY),
        lambda kind: AsyncClientV2(base_url=f"{ROOT}/b/{kind}", api_key=KEY),
    )
