"""An app that talks to Mistral, and knows of nothing else."""

from mistralai.client import Mistral
from mistralai.client.utils import BackoffStrategy, RetryConfig
from play import KEY, PROMPT, ROOT, main

CHAT = {"model": "mistral-small-latest", "messages": [{"role": "user", "content": PROMPT}], "max_tokens": 64}
FIM = {"model": "codestral-latest", "prompt": PROMPT, "suffix": "return total"}
RETRIES = RetryConfig("backoff", BackoffStrategy(10, 20, 1.0, 60_000, jitter_ms=1), True)

CALLS = {
    "mistral-chat": lambda c, a: getattr(c.chat, f"complete{a}")(**CHAT),
    "mistral-chat-stream": lambda c, a: getattr(c.chat, f"stream{a}")(**CHAT),
    "mistral-embeddings": lambda c, a: getattr(c.embeddings, f"create{a}")(model="mistral-embed", inputs=[PROMPT]),
    "mistral-fim": lambda c, a: getattr(c.fim, f"complete{a}")(**FIM),
    "mistral-fim-stream": lambda c, a: getattr(c.fim, f"stream{a}")(**FIM),
    "mistral-retry": lambda c, a: getattr(c.chat, f"complete{a}")(**CHAT, retries=RETRIES),
    "mistral-retry-stream": lambda c, a: getattr(c.chat, f"stream{a}")(**CHAT, retries=RETRIES),
    "mistral-refused": lambda c, a: getattr(c.chat, f"complete{a}")(**CHAT),
}


def client(kind):
    return Mistral(server_url=f"{ROOT}/b/{kind}", api_key=KEY)


if __name__ == "__main__":
    main(CALLS, client, client)
