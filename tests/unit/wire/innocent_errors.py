"""What providers say of plain bad parameters, in words that money, keys, rates and long prompts are told in, too.

Every message here is of a 400 that no other deployment answers better: it must stay `invalid_request`.
"""

from __future__ import annotations

INNOCENT = (
    # the length of the answer, not of the prompt
    "max_tokens must be ≤ 4096",
    "max_tokens is too large: 5000. This model supports at most 4096 completion tokens, whereas you provided 5000.",
    "max_tokens: 100000 > 8192, which is the maximum allowed number of output tokens for claude-3-5-sonnet-20241022",
    "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but got 4 instead.",
    "max_completion_tokens exceeds the maximum number of output tokens (16384) of this model",
    "`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our documentation.",
    "The thinking budget 99999 is invalid. Please choose a value between 128 and 32768.",
    "thinking.budget_tokens: Input should be greater than or equal to 1024",
    "Unable to submit request because it has a maxOutputTokens value of 100000 but the supported range is 1 to 65537.",
    "Could not finish the message because max_tokens or model output limit was reached. Please try again.",
    "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
    "stop sequence contains 12 tokens, at most 4 are allowed",
    "Invalid 'logit_bias': too many tokens, at most 300 may be given",
    # keys that open nothing
    "invalid key 'foo' in response_format",
    "Unknown parameter: 'api_key'.",
    "Unrecognized request argument supplied: api_key",
    "Invalid type for 'metadata.key': expected a string, but got an integer instead.",
    "tools.0.input_schema: property 'api_key' is invalid under any of the given schemas",
    "Duplicate key 'name' in object at position 41",
    "Missing key 'content' in messages[2]",
    "prompt_cache_key: String should have at most 64 characters",
    "tool_call_id 'call_access_token' is unknown: no such call came before it",
    "Invalid token at position 17 of the grammar",
    "Unexpected token 'x' in JSON at position 4",
    # limits that no wait and no money lifts
    "image exceeds 5 MB limit",
    "messages.0.content.1.image.source.base64: image exceeds 5 MB maximum: 6291456 bytes > 5242880 bytes",
    "Input image is too large: at most 8000 pixels on a side",
    "Invalid 'messages[0].name': string too long. Expected a string with maximum length 64.",
    "Invalid 'tools': array too long. Expected an array with maximum length 128, but got an array with length 200.",
    "too many images in the request: the limit is 20",
    "A maximum of 4 blocks with cache_control may be provided. Found 5.",
    "top_logprobs must be ≤ 20; the limit of this model is 5",
    "n is limited to 1 when best_of is given",
    "Invalid value for 'rate_limit': it is no member of this object",
    "metadata has too many entries: 17, the maximum is 16",
    "The number of requests in a batch must be at most 50000",
    # quotas, balances, budgets of the caller's own data
    "Invalid schema for function 'get_quota': 'user' is not of type 'object'",
    "Unknown tool 'check_credit_balance' in tool_choice",
    "tools[3].function.name 'increase_limit' is declared twice",
    "Invalid enum value 'monthly' for 'quota_project'",
    "Property 'billing_address' is required by the schema",
    "reasoning.effort 'budget' must be one of low, medium, high",
    # features as parameters, models as words
    "Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value is supported.",
    "Unsupported parameter: 'reasoning_effort' is not supported with this model.",
    "Invalid parameter: 'response_format' of type 'json_object' is not supported with this model.",
    "'tool_choice' is only allowed when 'tools' are specified.",
    "Missing required parameter: 'model'.",
    "you must provide a model parameter",
    "This model's parameter `top_k` must be at least 1",
    "For this model `max_tokens` is deprecated, use `max_completion_tokens`",
    "stream_options is not supported unless stream is true",
    # contexts, prompts, contents
    "Unknown parameter: context_length",
    "Unknown name \"contextWindow\": Cannot find field.",
    "num_ctx must be a positive integer: the context size cannot be 0",
    "prompt must not be empty",
    "Invalid 'prompt': expected a string, got an array",
    "messages: text content blocks must be non-empty",
    "messages: roles must alternate between \"user\" and \"assistant\"",
    "Invalid value at 'safety_settings[0].category': HARM is no category",
    "The content of the tool result must be a string",
    "final assistant content cannot end with trailing whitespace",
    "Error while downloading https://example.com/over/limit/quota/key.png: 404",
)  # fmt: skip
