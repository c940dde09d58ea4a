"""What people ask the demo's company in many words. An intent is a tuple: ways to ask that one answer serves.

Neighbours are there on purpose (an order is cancelled, or changed; a setting is turned on, or off): to answer one with
the other's answer would be wrong.
"""

from __future__ import annotations

from typing import Final

INTENTS: Final = (
    (
        "How do I cancel my order?",
        "How can I cancel my order?",
        "I want to cancel my order",
        "How do I cancel an order?",
    ),
    (
        "Where is my order?",
        "Where's my order?",
        "Can you tell me where my order is?",
        "Please tell me: where is my order?",
    ),
    (
        "How do I reset my password?",
        "How can I reset my password?",
        "How to reset my password",
        "I forgot what I log in with",
    ),
    (
        "How do I change my order?",
        "How can I change my order?",
        "I want to change my order",
        "How do I change an order?",
    ),
    (
        "How do I turn on notifications?",
        "How can I turn on notifications?",
        "How to turn on notifications",
        "I want to turn on the notifications",
    ),
    (
        "How do I turn off notifications?",
        "How can I turn off notifications?",
        "How to turn off notifications",
        "I want to turn off the notifications",
    ),
    (
        "How long does delivery take?",
        "How long will delivery take?",
        "how long does delivery take",
        "When does a delivery usually get here?",
    ),
    (
        "Which payment methods do you accept?",
        "What payment methods do you accept?",
        "which payment methods do you accept",
        "How may I pay?",
    ),
)
_OF: Final = {question: intent for intent in INTENTS for question in intent}


def reworded(question: str) -> str:
    """The same in other words, where there are any."""
    intent = _OF.get(question, (question,))
    return intent[(intent.index(question) + 1) % len(intent)]


def answers(question: str, answer: str) -> bool:
    """Whether what the demo's provider says, which repeats the question that it got, is an answer to this one."""
    return answer in _OF.get(question, (question,))
