"""An app that talks to Groq, and knows of nothing else."""

from groq import AsyncGroq, Groq
from play import KEY, PROMPT, ROOT, main

CHAT = {"model": "llama-3.3-70b-versatile", "messages": [{"role": "user", "content": PROMPT}], "temperature": 0.5}

CALLS = {
    "groq-chat": lambda c, _: c.chat.completions.create(**CHAT),
    "groq-chat-stream": lambda c, _: c.chat.completions.create(**CHAT, stream=True),
    "groq-embeddings": lambda c, _: c.embeddings.create(model="nomic-embed-text-v1_5", input=PROMPT),
    "groq-retry": lambda c, _: c.chat.completions.create(**CHAT),
    "groq-retry-stream": lambda c, _: c.chat.completions.create(**CHAT, stream=True),
    "groq-refused": lambda c, _: c.chat.completions.create(**CHAT),
}

if __name__ == "__main__":
    main(
        CALLS,
        lambda kind: Groq(base_url=f"{ROOT}/b/{kind}", api_key=KEY),
        lambda kind: AsyncGroq(base_url=f"{ROOT}/b/{kind}", api_key=KEY),
    )
