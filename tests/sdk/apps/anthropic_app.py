"""An app that talks to Anthropic, and knows of nothing else."""

from anthropic import Anthropic, AsyncAnthropic
from play import KEY, PROMPT, ROOT, main

ASK = {"model": "claude-haiku-4-5", "max_tokens": 64, "messages": [{"role": "user", "content": PROMPT}]}
WEATHER = {"name": "get_weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}

CALLS = {
    "anthropic-messages": lambda c, _: c.messages.create(**ASK, system="Be brief."),
    "anthropic-messages-tool": lambda c, _: c.messages.create(**ASK, tools=[WEATHER]),
    "anthropic-messages-stream": lambda c, _: c.messages.create(**ASK, stream=True),
    "anthropic-messages-helper": lambda c, _: c.messages.stream(**ASK),
    "anthropic-retry": lambda c, _: c.messages.create(**ASK),
    "anthropic-retry-stream": lambda c, _: c.messages.create(**ASK, stream=True),
    "anthropic-refused": lambda c, _: c.messages.create(**ASK),
}

if __name__ == "__main__":
    main(
        CALLS,
        lambda kind: Anthropic(base_url=f"{ROOT}/b/{kind}", api_key=KEY),
        lambda kind: AsyncAnthropic(base_url=f"{ROOT}/b/{kind}", api_key=KEY),
    )
