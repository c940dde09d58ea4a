"""What providers and servers say when a call fails: one line for each thing said, its category and its source.

    status | names | words | category | sources

To teach it another error, add a line under its provider (and a source below): the tests go through every line, in
every shape of body, in any case and with anything around it.

status: of the response; `*` any; `-` an error inside a 200. Inside a 200 the lines of every status count.
names: what stands in the error's structure as code, type, status, reason or exception, wherever; spelling counts
without case, underscores, dots. All of them must be there; `a/b`: either; `*x*`: any that holds x; `@host`: only at
hosts that end so; `-`: nothing was said at all. A name with a letter decides whatever the status, but a line with the
very status first. Names that say no more than "something is wrong" (invalid_request_error) have no place here.
words: phrases, `;` between those that are enough alone; `..` skips up to twelve words. They count with that status,
from three words on inside a 200, too. A line that has names and words is true for either, unless its words begin with
`&`: then both are needed, and it goes before all others.
Neither: what the status says where nothing else is known.

Read on 2026-12-01; a provider's own pages where they say it, else its SDK, a public issue or test that quotes the body.
"""

from __future__ import annotations

import functools
from typing import Final

from beastmode_otel.record import record


@record(frozen=True, slots=True, kw_only=True)
class ErrorRow:
    """One line. status: None for one inside a 200, 0 for any. names: all are needed, one alternative of each.
    host: the end of the only hosts where it counts. silent: nothing was said. both: names and words are needed."""

    provider: str
    status: int | None
    names: tuple[tuple[str, ...], ...]
    words: tuple[str, ...]
    category: str
    sources: tuple[str, ...]
    host: str = ""
    silent: bool = False
    both: bool = False


ANY: Final = 0

_ROWS: Final = """
# Everybody
401 | | | authentication_error | rfc9110
402 | | | quota_exhausted | rfc9110
403 | | | permission_denied | rfc9110
404 | | | endpoint_not_found | rfc9110
408 | | | request_timeout | rfc9110
409 | | | conflict | rfc9110
413 | | | payload_too_large | rfc9110
422 | | | unprocessable | rfc9110
425 | | | too_early | rfc9110
429 | | | rate_limited | rfc9110
500 | | | server_error | rfc9110
502 | | | bad_gateway | rfc9110
503 | | | unavailable | rfc9110
504 | | | gateway_timeout | rfc9110
529 | | | overloaded | ant-docs
498 | | | overloaded | groq-498
410 | | | endpoint_not_found | rfc9110
451 | | | permission_denied | rfc9110
* | insufficient_credits/insufficient_balance/billing_hard_limit_reached | | quota_exhausted | common
* | engine_overloaded/model_overloaded/overloaded | | overloaded | common
503 | slow_down | | overloaded | common
* | content_filtered/content_filter_error | | content_filter | common
* | context_window_exceeded/model_context_window_exceeded | | context_length_exceeded | common
* | invalid_model | | model_not_found | common

# OpenAI
401 | invalid_api_key | Incorrect API key provided | authentication_error | lit-diag oai-dd
401 | | must be a member of an organization; IP not authorized | authentication_error | oai-dd
429 | insufficient_quota | | quota_exhausted | oai-cat pyd
429 | credit_balance_exhausted | no prepaid credits | quota_exhausted | oai-credit oai-sdk
429 | organization_spend_limit_exceeded | organization spend limit | quota_exhausted | oai-credit oai-sdk
429 | project_spend_limit_exceeded | project spend limit | quota_exhausted | oai-credit oai-sdk
429 | organization_usage_limit_exceeded | OpenAI-assigned usage limit | quota_exhausted | oai-credit oai-sdk
429 | billing_not_active | account is not active, please check your billing | quota_exhausted | oai-sdk
400 | context_length_exceeded | maximum context length is .. tokens | context_length_exceeded | pyd fb
400 | | input exceeds the context window of this model | context_length_exceeded | pi
503 | server_is_overloaded | currently overloaded | overloaded | oai-dd bed-503
503 | | engine is currently overloaded | overloaded | pyd
429 | flex_unavailable | Flex processing temporarily unavailable | overloaded | oai-sdk
429 | rate_limit_exceeded | Rate limit reached for | rate_limited | pyd groq-494
429 | slow_down | request rate rose too fast | rate_limited | oai-dd
429 | | Request too large for .. tokens per min | rate_limited | oai-tpm
404 | model_not_found | model .. does not exist or you do not have access | model_not_found | fb lit-map
403 | model_not_found | does not have access to model | permission_denied | common
403 | unsupported_country_region_territory | country, region, or territory not supported | permission_denied | oai-dd
400 | content_policy_violation | rejected as a result of our safety system | content_filter | fb lit-map
400 | invalid_prompt | violating our usage policy | content_filter | lit-map oai-resp
400 | cyber_policy/misalignment_policy_violation | | content_filter | lit-map oai-sdk
400 | bio_policy/image_content_policy_violation | | content_filter | lit-map oai-sdk
400 | | Invalid service_tier argument | invalid_request | oai-dd

# Azure OpenAI
401 | | invalid subscription key or wrong API endpoint | authentication_error | lit-map
429 | | exceeded token rate limit | rate_limited | az-dd
429 | | System is experiencing high demand | overloaded | az-dd
429 | | token budget exceeded by request parameters | rate_limited | az-dd
404 | DeploymentNotFound | API deployment for this resource does not exist | model_not_found | az-861
400 | content_filter/ResponsibleAIPolicyViolation | content management policy | content_filter | az-cf
400 | OperationNotSupported | operation does not work with the specified model | not_supported | az-op

# Anthropic
401 | | issue with your API key; invalid x-api-key | authentication_error | ant-docs
403 | | does not have permission to use the specified resource | permission_denied | ant-docs
400 | | reached your specified .. API usage limits | quota_exhausted | ant-portkey
400 | | credit balance is too low | quota_exhausted | ant-portkey
402 | billing_error | | quota_exhausted | ant-sdk
402 | linked_organization_spend_limit_reached/linked_organization_billing_unavailable | | quota_exhausted | ant-sdk
429 | enforced_spend_limit_reached | monthly API usage threshold of tier | quota_exhausted | ant-dd429 ant-sdk
429 | contract_spend_limit_reached | spend limit of its contract | quota_exhausted | ant-sdk
429 | | Extra usage is required for long context requests | quota_exhausted | ant-long
400 | organization_on_hold | disabled for trust and safety reasons | permission_denied | ant-sdk
400 | | organization has been disabled | permission_denied | ant-off
400 | | prompt is too long: .. tokens > .. maximum | context_length_exceeded | pyd
400 | | input length and max_tokens exceed context limit | context_length_exceeded | lit-map
413 | request_too_large | exceeds the maximum allowed number of bytes | payload_too_large | ant-docs
413 | request_body_too_large_after_decoding | | payload_too_large | ant-sdk
529 | overloaded_error | Overloaded | overloaded | ant-docs pyd
429 | | would exceed your account's rate limit | rate_limited | ant-docs pyd
429 | ramp_limit_exceeded | caps how fast usage can grow | rate_limited | ant-sdk
404 | | model: .. | model_not_found | ant-docs
500 | | Internal server error | server_error | ant-docs pyd
409 | conflict_error | | conflict | ant-dd ant-sdk

# Gemini
400 | API_KEY_INVALID | API key not valid | authentication_error | gem-dd lit-map
400 | | User location is not supported | permission_denied | gem-loc
403 | | API has not been used in project; unregistered callers | permission_denied | dash-t lit-map
400 | | free tier is not available in your country; enable billing on your project | quota_exhausted | gem-fp gem-docs
429 | RESOURCE_EXHAUSTED *PerDay* | | quota_exhausted | gem-147 gem-1215
429 | RESOURCE_EXHAUSTED | & limit: 0 | quota_exhausted | gem-0
429 | RESOURCE_EXHAUSTED | & credits are depleted | quota_exhausted | gem-dd
429 | RESOURCE_EXHAUSTED | & exceeded your current quota | rate_limited | gem-147 gem-34
429 | | Resource has been exhausted (e.g. check quota) | rate_limited | gem-2020 pyd
400 | | input token count .. exceeds the maximum number of tokens | context_length_exceeded | gem-15184 pyd
503 | | The model is overloaded | overloaded | pyd gem-docs
404 | | models .. is not found for API version | model_not_found | gem-docs dash-t
504 | DEADLINE_EXCEEDED | | gateway_timeout | dash-t
429 | quota_exceeded | | quota_exhausted | gem-dd

# Vertex AI
429 | | Resource exhausted. Please try again later | rate_limited | ver-6454
429 | | Quota exceeded for | rate_limited | lit-map
401 | | invalid authentication credentials | authentication_error | lit-map
403 | | Vertex AI API has not been used in project; Unable to find your project | permission_denied | lit-map
400 | | Request payload size exceeds | payload_too_large | lit-map
400 | | Output blocked by content filtering policy; The response was blocked | content_filter | lit-map

# Bedrock
403 | AccessDeniedException | | permission_denied | bed-sdk bed-docs
429 | ThrottlingException | | rate_limited | bed-sdk bed-docs
429 | ModelNotReadyException | | overloaded | bed-sdk bed-docs
424 | ModelErrorException | | server_error | bed-sdk bed-docs
424 | ModelStreamErrorException | | server_error | bed-sdk bed-docs
408 | ModelTimeoutException | | request_timeout | bed-sdk bed-docs
404 | ResourceNotFoundException | | model_not_found | bed-sdk bed-docs
400 | ServiceQuotaExceededException | | quota_exhausted | bed-sdk bed-docs
503 | ServiceUnavailableException | | overloaded | bed-sdk bed-docs
500 | InternalServerException | | server_error | bed-sdk bed-docs
400 | ConflictException | | conflict | bed-sdk bed-docs
400 | | Input is too long for requested model | context_length_exceeded | pyd lit-map
400 | | Too many input tokens; expected maxLength: .. actual: | context_length_exceeded | lit-map
400 | | provided model identifier is invalid | model_not_found | lit-map
403 | UnrecognizedClientException | security token included in the request is invalid | authentication_error | lit-map
404 | FTUFormNotFilled | use case details have not been submitted | permission_denied | bed-docs
400 | | with on-demand throughput isn't supported; doesn't support on-demand throughput | not_supported | bed-od

# Mistral
401 | | Unauthorized | authentication_error | mis-7638
429 | | Service tier capacity exceeded for this model | overloaded | mis-6185 lit-map
429 | 1300 | Rate limit exceeded | rate_limited | mis-31107
429 | | Requests rate limit exceeded | rate_limited | mis-53 pyd
400 | 3051 | too large for model with .. maximum context length | context_length_exceeded | pyd pi

# Groq
401 | invalid_api_key | Invalid API Key | authentication_error | groq-docs
429 | | Rate limit reached for model .. tokens per minute | rate_limited | groq-494 groq-dd
413 | rate_limit_exceeded | Request too large for model .. tokens per minute | rate_limited | groq-985
400 | | reduce the length of the messages or completion | context_length_exceeded | pyd
413 | | request body too large | payload_too_large | groq-docs
498 | capacity_exceeded | flex tier at capacity | overloaded | groq-498
503 | | Service Unavailable | unavailable | groq-dd
424 | | | server_error | groq-dd
499 | | | request_timeout | groq-dd coh-sdk
422 | | semantic errors or model hallucinations | unprocessable | groq-docs

# Cohere
498 | | invalid token | authentication_error | coh-sdk
402 | | add or update your payment method | quota_exhausted | coh-oc
400 | TOO_MANY_TOKENS | too many tokens: size limit exceeded by | context_length_exceeded | coh-oc pyd
400 | TOO_MANY_TOKENS | & the maximum output | invalid_request | coh-oc
429 | | limited to .. API calls / minute | rate_limited | coh-oc
429 | | limited to .. API calls / month | quota_exhausted | coh-oc
404 | | model .. not found | model_not_found | coh-oc
501 | | | not_supported | coh-sdk

# DeepSeek
401 | | Authentication Fails | authentication_error | ds-docs
402 | | Insufficient Balance | quota_exhausted | ds-docs ds-cont
400 | | Model Not Exist | model_not_found | ds-model
429 | | Rate Limit Reached; too quickly | rate_limited | ds-docs
503 | | Server Overloaded | overloaded | ds-docs
422 | | Invalid Parameters | unprocessable | ds-docs
500 | | Server Error | server_error | ds-docs

# xAI
400 | | Incorrect API key provided | authentication_error | xai-400
429 | | used all available credits or reached its monthly spending limit | quota_exhausted | xai-429
403 | | used all available credits; run out of credits; purchase more credits | quota_exhausted | xai-403
400 | | maximum prompt length is .. but the request contains | context_length_exceeded | pyd pi
429 | | Too many tokens for team | rate_limited | xai-tpm
503 | | Service unavailable | unavailable | pyd

# Together
401 | | Missing or Invalid API Key | authentication_error | tog-docs
402 | | reached its maximum allowed monthly spending limit | quota_exhausted | tog-docs
403 | | Input token count + max_tokens must be less than the context length | context_length_exceeded | tog-docs
422 | | inputs tokens + max_new_tokens must be | context_length_exceeded | lit-map
429 | | Too many requests | rate_limited | tog-docs
503 | | Engine Overloaded; high amounts of traffic | overloaded | tog-docs
404 | | Invalid Endpoint URL or model name | model_not_found | tog-docs
524 | | | gateway_timeout | lit-map

# Fireworks
401 | | Invalid API key | authentication_error | fw-docs
402 | | not on a paid plan or exceeded usage limits | quota_exhausted | fw-docs
412 | | Account is suspended; failure to pay past invoices; monthly spending limit | quota_exhausted | fw-412 fw-docs
404 | | model doesn't exist, is not deployed | model_not_found | fw-docs

# OpenRouter
401 | | No auth credentials found; disabled or invalid API key | authentication_error | or-docs
402 | openrouter_credits/openrouter_key_limit/payment_required | | quota_exhausted | or-docs or-dd
402 | | insufficient credits; requires more credits, or fewer max_tokens | quota_exhausted | or-docs or-oc
402 | openrouter_in_flight_budget | | rate_limited | or-dd
402 | | key with a higher monthly limit | quota_exhausted | or-oc
403 | | Key limit exceeded (total limit); Key limit exceeded. Manage it | quota_exhausted | or-key
403 | | requires moderation; input was flagged | content_filter | or-docs
400 | | endpoint's maximum context length is | context_length_exceeded | pyd or-dd
429 | | rate limited | rate_limited | or-docs
502 | | Provider returned error | bad_gateway | or-docs
503 | provider_overloaded | | overloaded | bed-503 or-docs
503 | | no available model provider that meets your routing requirements | unavailable | or-docs
404 | | No endpoints found that support tool use | not_supported | or-tools

# Cerebras
401 | wrong_api_key | Wrong API Key | authentication_error | cer-docs
402 | | | quota_exhausted | cer-docs
400 | | Current length is .. while limit is | context_length_exceeded | cer-5140 lit-map
413 | @cerebras.ai - | | context_length_exceeded | pi
400 | @cerebras.ai - | | context_length_exceeded | pi
429 | token_quota_exceeded/too_many_tokens_error | Tokens per minute limit exceeded | rate_limited | cer-9800

# NVIDIA NIM
403 | | Authorization failed | authentication_error | nim-1242
404 | | Function .. Not found for account | model_not_found | nim-1021

# DashScope
401 | invalid_api_key/InvalidApiKey | invalid access token or token expired | authentication_error | dash-docs dash-plan
400 | Arrearage | make sure your account is in good standing | quota_exhausted | dash-docs dash-t
403 | AllocationQuota.FreeTierOnly | free tier of the model has been exhausted | quota_exhausted | dash-t
429 | BudgetLimitExceeded | | quota_exhausted | dash-t
403 | AccessDenied.Unpurchased | | quota_exhausted | dash-t
429 | Throttling.AllocationQuota | & Free allocated quota exceeded | quota_exhausted | dash-os dash-docs
429 | insufficient_quota | & (TPM); requests list; increase your quota limit | rate_limited | dash-docs dash-rl
429 | @aliyuncs.com insufficient_quota | | rate_limited | dash-docs dash-t
429 | Throttling.AllocationQuota | please increase your quota limit | rate_limited | dash-rl dash-os
429 | limit_requests/Throttling.RateQuota/Throttling | current requests list | rate_limited | dash-rl dash-docs
429 | Throttling.BurstRate/limit_burst_rate | Request rate increased too quickly | rate_limited | dash-rl
429 | Throttling.ServiceOverloaded | | overloaded | dash-t
400 | | Range of input length should be | context_length_exceeded | dash-plan dash-docs
404 | ModelNotFound/model_not_found | Model not exist | model_not_found | dash-docs dash-t
403 | Model.AccessDenied/access_denied | | permission_denied | dash-docs dash-t
400 | data_inspection_failed/DataInspectionFailed | may contain inappropriate content | content_filter | dash-t
400 | | only support stream mode; must be set to false for non-streaming | invalid_request | dash-docs
500 | InternalError.Timeout | | server_error | dash-t

# Moonshot
401 | invalid_authentication_error | Invalid Authentication | authentication_error | kimi-docs
401 | incorrect_api_key_error | Incorrect API key provided | authentication_error | kimi-docs
429 | exceeded_current_quota_error | suspended due to insufficient balance | quota_exhausted | kimi-11443 kimi-cat
403 | | insufficient account balance; usage limit for this billing cycle | quota_exhausted | kimi-help kimi-code
402 | | unable to verify your membership benefits | quota_exhausted | kimi-code
400 | | Input token length too long; exceeded model token limit | context_length_exceeded | kimi-docs pi
429 | engine_overloaded_error | engine is currently overloaded | overloaded | kimi-code kimi-cat
429 | rate_limit_reached_error | request reached max organization RPM | rate_limited | kimi-cat kimi-help
404 | resource_not_found_error | Not found the model or Permission denied | model_not_found | kimi-cat
403 | permission_denied_error | | permission_denied | kimi-cat
400 | content_filter | considered high risk | content_filter | kimi-docs

# Z.ai GLM
401 | 1000/1001/1002/1003/1004 | | authentication_error | zai-docs dash-t
429 | 1112 | | permission_denied | zai-docs dash-t
429 | 1113 | Insufficient balance or no resource package | quota_exhausted | zai-1113 zai-docs
429 | 1309 | package has expired | quota_exhausted | zai-1113
400 | 1261 | Prompt exceeds max length | context_length_exceeded | zai-lit
429 | 1302 | Rate limit reached for requests | rate_limited | zai-1302 dash-t
400 | 1211 | Unknown Model, please check the model code | model_not_found | zai-1113 dash-t
400 | 1301 | unsafe or sensitive content in input or generation | content_filter | zai-lit
434 | | No API permission | permission_denied | zai-docs
435 | | | payload_too_large | zai-docs

# AI21
401 | | Bad or missing API token | authentication_error | ai21
422 | | Prompt has too many tokens | context_length_exceeded | ai21

# Hugging Face
402 | | exceeded your monthly included credits for Inference Providers | quota_exhausted | hf-386
404 | | no provider for the model | model_not_found | hf-3717
401 | | Invalid username or password; A valid user token is required | authentication_error | lit-map

# TGI
429 | overloaded | Model is overloaded | overloaded | tgi

# GitHub Models
429 | RateLimitReached | Rate limit of .. exceeded for UserByModelByDay | rate_limited | ghm-day
413 | tokens_limit_reached | Request body too large for .. Max size: .. tokens | context_length_exceeded | ghm-426

# GitHub Copilot
400 | | prompt token count of .. exceeds the limit of | context_length_exceeded | pi

# SambaNova
401 | | credentials missing or invalid | authentication_error | sam-docs
429 | | rate limit for your subscription tier | rate_limited | sam-docs
410 | | model no longer available | model_not_found | sam-docs
503 | | model under maintenance | unavailable | sam-docs
504 | | queue full | overloaded | sam-docs

# DeepInfra
429 | | Model busy, retry later | overloaded | di-862

# Replicate
429 | | Request was throttled | rate_limited | lit-map
401 | | Incorrect authentication token | authentication_error | lit-map
400 | | input is too long | context_length_exceeded | lit-map

# W&B Inference
429 | | Concurrency limit reached | rate_limited | wandb

# Featherless
400 | | model is cold; not ready for inference | overloaded | feather

# MiniMax
400 | | invalid params, context window exceeds limit | context_length_exceeded | mini

# vLLM
400 | | prompt .. is longer than the maximum model length | context_length_exceeded | vllm-len
404 | | The model .. does not exist | model_not_found | vllm-404

# SGLang
400 | | is longer than the model's context length | context_length_exceeded | sgl
400 | | Requested token count exceeds the model's maximum context length | context_length_exceeded | sgl
503 | | The request queue is full; Request waiting timeout reached | overloaded | sgl
501 | | does not support streaming requests | not_supported | sgl

# llama.cpp
400 | exceed_context_size_error | exceeds the available context size | context_length_exceeded | lcpp lcpp-15780
500 | | Context size has been exceeded | context_length_exceeded | lcpp-19774
500 | | input is too large to process; context shift is disabled | context_length_exceeded | lcpp-embed ik
503 | | Loading model | overloaded | lcpp
501 | not_supported_error | This server does not support | not_supported | lcpp
404 | | File Not Found | endpoint_not_found | lcpp

# Ollama
404 | | model .. not found, try pulling it first | model_not_found | oll-404
503 | | server busy, please try again. maximum pending requests exceeded | overloaded | oll-q
501 | | does not support embeddings | not_supported | oll-facts
400 | | does not support tools; does not support chat; does not support thinking | not_supported | oll-tools oll-facts
400 | | prompt too long; exceeded max context length by .. tokens | context_length_exceeded | pi

# LM Studio
400 | | is greater than the context length | context_length_exceeded | lms
- | | tokens when context overflows | context_length_exceeded | lms lms-200
400 | | Reached context length of .. tokens | context_length_exceeded | lms-1251

# TensorRT-LLM
400 | | should not exceed max_num_tokens | context_length_exceeded | trt

# DS4 (antirez)
400 | context_exceeded | Prompt tokens exceeds context size | context_length_exceeded | ds4

# LiteLLM proxy
401 | token_not_found_in_db/auth_error/expired_key | Authentication Error | authentication_error | lit-proxy
429 | budget_exceeded | Budget has been exceeded | quota_exhausted | lit-proxy
403 | key_model_access_denied/team_model_access_denied/user_model_access_denied | | permission_denied | lit-proxy
403 | org_model_access_denied/project_model_access_denied | | permission_denied | lit-proxy
429 | | Rate limit exceeded for | rate_limited | lit-rl
400 | | ContextWindowExceededError | context_length_exceeded | lit-map
400 | | ContentPolicyViolationError | content_filter | lit-map az-cf
503 | auth_provider_unavailable/no_db_connection | | unavailable | lit-proxy

# Cloudflare Workers AI
400 | 5007 | No such model .. or task | model_not_found | cf cf-env
404 | 3042 | model name is invalid | model_not_found | cf cf-env
403 | 5018/3041 | | permission_denied | cf cf-env
403 | 5016 | has not agreed to model terms | permission_denied | cf cf-env
403 | 3023 | | permission_denied | cf cf-env
413 | 3006 | Request is too large | payload_too_large | cf cf-env
408 | 3007/3008 | | request_timeout | cf cf-env
429 | 3036 | used up your daily free allocation of 10,000 neurons | quota_exhausted | cf cf-env
429 | 3040 | Out of capacity; No more data centers | overloaded | cf cf-env
405 | 5005 | does not support LoRa inference | not_supported | cf cf-env
400 | 5004 | Invalid data type | invalid_request | cf cf-env
401 | 10000 | | authentication_error | lit-map cf-env

# watsonx
403 | token_quota_reached | from quota was rejected | quota_exhausted | wx
401 | | authorization denied for | authentication_error | wx
400 | model_no_support_for_function | | not_supported | wx

# Cloudflare in front
522 | | | gateway_timeout | lit-map
520 | | | bad_gateway | cf-edge
521 | | | bad_gateway | cf-edge
523 | | | bad_gateway | cf-edge
525 | | | bad_gateway | cf-edge
526 | | | bad_gateway | cf-edge
530 | | | bad_gateway | cf-edge
"""

_SOURCES: Final = """
oai-dd | https://www.developersdigest.tech/errors/api/openai-api
oai-credit | https://www.developersdigest.tech/errors/api/openai-api/429-credit-balance-exhausted
oai-sdk | openai-python 3.54: types/beta/session_turn_error.py
oai-resp | openai-python 3.54: types/responses/response_error.py
oai-cat | https://github.com/thisisartium/continuous-alignment-testing/issues/21
oai-tpm | https://github.com/TheR1D/shell_gpt/issues/653
pyd | https://github.com/pydantic/pydantic-ai tests/models/test_error_categories.py
fb | https://github.com/failoverbench/failoverbench failoverbench/wall.py
lit-map | litellm 1.110.2: litellm_core_utils/exception_mapping_utils.py
lit-proxy | litellm 1.110.2: proxy/_types.py, proxy/auth/auth_exception_handler.py, auth_checks.py
lit-rl | litellm 1.110.2: proxy/hooks/parallel_request_limiter_v3.py
lit-diag | https://docs.litellm.ai/docs/proxy/error_diagnosis
ant-docs | https://platform.claude.com/docs/en/api/errors
ant-dd | https://www.developersdigest.tech/errors/api/anthropic-api
ant-dd429 | https://www.developersdigest.tech/errors/api/anthropic-api/429-enforced-spend-limit-reached
ant-sdk | anthropic-python 2.12: types/shared/*_error.py, *_error_details.py, error_type.py; _exceptions.py
ant-portkey | https://portkey.ai/error-library/insufficient-balance-error-10489
ant-long | https://github.com/anthropics/claude-code/issues/37943 https://github.com/anthropics/claude-code/issues/27252
gem-dd | https://www.developersdigest.tech/errors/api/gemini-api
gem-fp | https://www.developersdigest.tech/errors/api/gemini-api/400-failed-precondition-free-tier-region
gem-docs | https://ai.google.dev/gemini-api/docs/troubleshooting
gem-147 | https://github.com/itcon-pty-au/stremio-ai-search/issues/147
gem-34 | https://github.com/letterstory/lettertrace/issues/34
gem-1215 | https://github.com/gke-labs/gemini-for-kubernetes-development/issues/1215
gem-15184 | https://github.com/google-gemini/gemini-cli/issues/15184
gem-2020 | https://github.com/google-gemini/gemini-cli/issues/2020
ver-6454 | https://github.com/google-gemini/gemini-cli/issues/6454
bed-sdk | botocore 1.43.11: data/bedrock-runtime/*/service-2.json
bed-docs | https://docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html
bed-503 | https://www.developersdigest.tech/errors/api/bedrock/503-serviceunavailableexception
az-861 | https://github.com/chatboxai/chatbox/issues/861
az-cf | public bodies with innererror.code ResponsibleAIPolicyViolation (found by that string)
az-dd | https://www.developersdigest.tech/errors/api/bedrock/429-throttlingexception
mis-7638 | https://github.com/diegosouzapw/OmniRoute/issues/7638
mis-6185 | https://github.com/continuedev/continue/issues/6185
mis-31107 | https://github.com/raycast/extensions/issues/31107
mis-53 | https://github.com/dnakov/anon-kode/issues/53
groq-docs | https://console.groq.com/docs/errors
groq-985 | https://github.com/assafelovic/gpt-researcher/issues/985 https://github.com/continuedev/continue/issues/10218
groq-494 | https://github.com/crewAIInc/crewAI/issues/494 https://github.com/elizaOS/eliza/issues/4040
groq-498 | https://www.developersdigest.tech/errors/api/groq-api/498-flex-tier-capacity-exceeded
groq-dd | https://www.developersdigest.tech/errors/api/groq-api
coh-oc | https://github.com/anomalyco/opencode packages/ai/test/provider (bodies captured 2026-10-02)
coh-sdk | cohere 7.3.1: cohere/errors/*
ds-docs | https://api-docs.deepseek.com/quick_start/error_codes
ds-cont | https://github.com/continuedev/continue/issues/9368
xai-400 | https://github.com/continuedev/continue/issues/10778 https://github.com/continuedev/continue/issues/10161
xai-429 | https://github.com/continuedev/continue/issues/10373 https://github.com/continuedev/continue/issues/10740
xai-403 | https://github.com/Anantys-oss/koan/issues/2412 https://github.com/Wei-Shaw/sub2api/issues/4069
xai-tpm | https://github.com/cline/cline/issues/4826
tog-docs | https://docs.together.ai/docs/error-codes
pi | https://github.com/badlogic/pi-mono packages/ai/src/utils/overflow.ts and its test
fw-docs | https://docs.fireworks.ai/guides/inference-error-codes
fw-412 | https://github.com/pollinations/pollinations/issues/12136 https://github.com/amd/gaia/issues/3766
or-docs | https://openrouter.ai/docs/api/errors
or-dd | https://www.developersdigest.tech/errors/api/openrouter/402-payment-required
or-oc | https://github.com/anomalyco/opencode/issues/12219 https://github.com/can1357/oh-my-pi/issues/9569
cer-docs | https://inference-docs.cerebras.ai/support/error
cer-5140 | https://github.com/cline/cline/issues/5140
cer-9800 | https://github.com/continuedev/continue/issues/9800 https://github.com/anomalyco/opencode/issues/7463
nim-1242 | https://github.com/Alishahryar1/free-claude-code/issues/1242
nim-1021 | https://github.com/Alishahryar1/free-claude-code/issues/1021
dash-docs | https://help.aliyun.com/en/model-studio/error-code
dash-rl | https://www.alibabacloud.com/help/en/model-studio/rate-limit
dash-plan | https://www.alibabacloud.com/help/en/model-studio/coding-plan-faq
dash-os | https://help.aliyun.com/en/open-search/search-platform/developer-reference/status-code-description
dash-t | public catalogue and test of documented codes (found by the string Throttling.AllocationQuota)
kimi-docs | https://platform.kimi.ai/docs/api/errors
kimi-code | https://www.kimi.com/code/docs/en/kimi-code/error-reference.html
kimi-11443 | https://github.com/continuedev/continue/issues/11443
kimi-cat | public classes of Kimi 429s (found by exceeded_current_quota_error)
kimi-help | https://www.kimi.com/help/kimi-api/api-troubleshooting
zai-docs | https://docs.z.ai/api-reference/api-code
zai-1113 | https://github.com/autohandai/code-cli/issues/484 and public bodies
zai-1302 | measured bodies in public files (found by "code":"1302"): no Retry-After
zai-lit | litellm 1.110.2: llms/bigmodel/common_utils.py
hf-386 | https://github.com/huggingface/agents-course/issues/386 https://github.com/huggingface/hub-docs/issues/2392
hf-3717 | https://github.com/huggingface/huggingface_hub/issues/3717
tgi | public bodies (found by "Model is overloaded","error_type":"overloaded")
ghm-426 | https://github.com/tashfeenahmed/freellmapi/issues/426
ghm-day | public bodies (found by UserByModelByDay)
sam-docs | https://docs.sambanova.ai/docs/en/api-reference/using-the-api/api-error-codes
di-862 | https://github.com/truefoundry/models/issues/862
vllm-404 | public bodies (found by "type":"NotFoundError")
sgl | sglang 0.5.23: srt/managers/scheduler.py, tokenizer_manager.py; srt/entrypoints/openai/serving_base.py
lcpp | https://github.com/ggml-org/llama.cpp tools/server/server-common.cpp (format_error_response)
lcpp-19774 | https://github.com/ggml-org/llama.cpp/issues/19774
lcpp-15780 | https://github.com/ggml-org/llama.cpp/issues/15780 https://github.com/oobabooga/textgen/issues/7257
ik | https://github.com/ikawrakow/ik_llama.cpp/issues/2420 https://github.com/ikawrakow/ik_llama.cpp/issues/2051
lcpp-embed | public bodies (found by exceed_context_size_error)
oll-q | https://github.com/ollama/ollama server/sched.go
oll-404 | public bodies (found by "not found, try pulling it first")
oll-facts | https://github.com/ollama/ollama openai/openai.go (NewError)
lms | https://github.com/lmstudio-ai/lmstudio-bug-tracker/issues/546
lms-200 | https://github.com/lmstudio-ai/lmstudio-bug-tracker/issues/2322
lms-1251 | https://github.com/lmstudio-ai/lmstudio-bug-tracker/issues/1251
trt | public bodies and TensorRT-LLM tests (found by "should not exceed max_num_tokens")
cf | https://developers.cloudflare.com/workers-ai/platform/errors/
cf-env | public bodies with success:false and errors[]
wx | public bodies (found by token_quota_reached)
ai21 | litellm 1.110.2: exception_mapping_utils.py (_map_ai21_exception)
wandb | https://docs.wandb.ai/inference/api-reference/errors
feather | https://featherless.ai/docs/api-reference-error-codes
ds4 | https://github.com/antirez/ds4/issues/150
mini | https://github.com/badlogic/pi-mono packages/ai/src/utils/overflow.ts
gem-0 | https://github.com/continuedev/continue/issues/12749
bed-od | https://github.com/aws-samples/bedrock-access-gateway/issues/73
oll-tools | https://github.com/ollama/ollama/issues/14795 https://github.com/ollama/ollama/issues/5793
or-tools | https://github.com/pydantic/pydantic-ai/issues/2896
az-op | https://github.com/langchain-ai/langmem/issues/13 https://github.com/run-llama/llama_index/issues/16503
ant-off | https://github.com/anthropics/claude-code/issues/72457
gem-loc | https://github.com/google-gemini/gemini-cli/issues/24641
or-key | https://github.com/gptme/gptme/issues/1449 https://github.com/RooCodeInc/Roo-Code/issues/515
vllm-len | https://github.com/OpenBMB/MiniCPM-V/issues/1048 https://github.com/langchain-ai/deepagents/issues/468
ds-model | https://github.com/ConardLi/easy-dataset/issues/9
common | none: names that OpenAI-compatible servers use, known before this table was made
rfc9110 | https://www.rfc-editor.org/rfc/rfc9110 (408 to 504), rfc6585 (429), rfc8470 (425), rfc7725 (451)
cf-edge | https://developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-5xx-errors/
"""


@functools.cache
def error_rows() -> tuple[ErrorRow, ...]:
    """The table."""
    found, provider = [], ""
    for line in _ROWS.splitlines():
        if line.startswith("# "):
            provider = line[2:]
        elif line:
            found.append(_row(provider, line))
    return tuple(found)


def _row(provider: str, line: str) -> ErrorRow:
    status, names, words, category, sources = (cell.strip() for cell in line.split("|"))
    needed = [name for name in names.split() if name != "-" and not name.startswith("@")]
    return ErrorRow(
        provider=provider,
        status={"-": None, "*": ANY}[status] if status in "-*" else int(status),
        names=tuple(tuple(name.split("/")) for name in needed),
        words=tuple(phrase.strip() for phrase in words.removeprefix("&").split(";") if phrase.strip()),
        category=category,
        sources=tuple(sources.split()),
        host=next((name[1:] for name in names.split() if name.startswith("@")), ""),
        silent="-" in names.split(),
        both=words.startswith("&"),
    )


def error_sources() -> dict[str, str]:
    """Where each line's sources are."""
    return dict(line.split(" | ", 1) for line in _SOURCES.split("\n") if line)
