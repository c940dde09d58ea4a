"""An app that talks to Gemini, and knows of nothing else."""

from google import genai
from google.genai import types
from play import KEY, PROMPT, ROOT, main

ASKED = {"model": "gemini-2.5-flash", "contents": PROMPT}
TOOL = types.Tool(function_declarations=[{"name": "get_weather", "description": "The weather in a city."}])
SEARCH = types.Tool(google_search=types.GoogleSearch())
EMBEDDED = {"model": "gemini-embedding-001", "contents": PROMPT}


def asked(*tools):
    return {**ASKED, "config": types.GenerateContentConfig(max_output_tokens=64, temperature=0.5, tools=[*tools])}


CALLS = {
    "gemini-generate": lambda c, _: c.models.generate_content(**asked()),
    "gemini-generate-tool": lambda c, _: c.models.generate_content(**asked(TOOL)),
    "gemini-stream": lambda c, _: c.models.generate_content_stream(**asked()),
    "gemini-search": lambda c, _: c.models.generate_content(**asked(SEARCH)),
    "gemini-embeddings": lambda c, _: c.models.embed_content(**EMBEDDED),
    "gemini-retry": lambda c, _: c.models.generate_content(**asked()),
    "gemini-retry-stream": lambda c, _: c.models.generate_content_stream(**asked()),
    "gemini-refused": lambda c, _: c.models.generate_content(**asked()),
}


def client(kind):
    again = types.HttpRetryOptions(attempts=2, initial_delay=0.01, max_delay=0.02, jitter=0)
    options = types.HttpOptions(base_url=f"{ROOT}/b/{kind}", retry_options=again)
    return genai.Client(api_key=KEY, http_options=options)


if __name__ == "__main__":
    main(CALLS, client, lambda kind: client(kind).aio)
