"""Issue forms around an issue's text, as GitHub renders them: a model is to look past what every reporter ticks.

A form is an optional comment, headings with ticked boxes, the issue's own text under a heading that says nothing of its
kind, and short answers about versions and systems.
"""

from __future__ import annotations

import random
import re

_BOXES = (
    "I have searched the existing issues",
    "I looked through open and closed issues and found no duplicate",
    "This has not been reported before, as far as I can tell",
    "I have read the documentation",
    "I have read the contributing guide",
    "I have read the FAQ and the troubleshooting page",
    "I agree to follow this project's Code of Conduct",
    "I am using the latest release",
    "I updated, and it is still the same",
    "It also happens on the main branch",
    "This is one request, not several in one",
    "I have removed passwords and tokens from the logs",
    "I would be willing to open a pull request",
    "I know that this tracker is not for support",
    "I have filled in every required field",
    "It has nothing to do with a third-party plugin",
    "I understand that incomplete reports may be closed",
    "I tried it with all extensions switched off",
    "I checked the roadmap",
    "I can provide a minimal example",
)
_BEFORE = (
    "Is there an existing issue for this?",
    "Checklist",
    "Prerequisites",
    "Before submitting",
    "Code of Conduct",
    "Preflight checks",
    "First, please confirm",
    "Terms",
    "Confirmations",
    "Verification",
)
# Forms are often the wrong one: the heading must not give the label away.
_ABOVE = (
    "Description",
    "What happened?",
    "Describe the bug",
    "Current behavior",
    "Summary",
    "Details",
    "Problem",
    "Your request",
    "Issue",
    "What would you like?",
    "Is your feature request related to a problem?",
    "Describe your issue",
    "Tell us more",
)
_FIELDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Version", ("{version}", "v{version}", "main", "latest", "nightly", "_No response_")),
    ("Operating system", ("Windows 11", "macOS 15.1", "Ubuntu 24.04", "Linux", "Android 15", "Debian 12")),
    ("Browser", ("Chrome", "Firefox", "Safari", "Edge", "_No response_")),
    ("Additional context", ("_No response_", "None", "N/A", "-")),
    ("Relevant log output", ("_No response_", "```shell\n\n```")),
    ("Screenshots", ("_No response_", "n/a")),
    ("How often does it happen?", ("Always", "Sometimes", "Once", "_No response_")),
    ("How did you install it?", ("pip", "npm", "docker", "brew", "from source", "apt")),
    ("Would you send a pull request?", ("- [ ] Yes, I would", "- [x] Yes, I would")),
    ("Priority", ("low", "medium", "high", "_No response_")),
    ("Which part of the project is it about?", ("Not sure", "Core", "Other", "_No response_", "Several")),
    ("Is it urgent?", ("No", "It blocks my work", "Would be nice", "_No response_")),
    ("Steps to reproduce", ("_No response_", "as described", "see above", "1.\n2.\n3.", "n/a")),
    ("Expected behavior", ("_No response_", "see above", "n/a", "As written above.")),
    ("Possible solution", ("_No response_", "none yet", "n/a", "I do not know")),
    ("Alternatives you have considered", ("_No response_", "None", "n/a")),
    ("Link to a reproduction", ("_No response_", "none", "https://example.com/repro")),
    ("Did it work in an earlier version?", ("No", "I do not know", "_No response_", "Yes, in {version}")),
    ("Package manager", ("npm", "pnpm", "yarn", "uv", "pip", "other", "_No response_")),
    ("Code of conduct", ("- [x] I agree", "- [X] I agree to follow it")),
    ("Runtime version", ("Node 22.3", "Python 3.12", "Go 1.23", "Java 21", "{version}")),
    ("Environment", ("- OS: Linux\n- Version: {version}", "- Node: 22\n- npm: 10", "Python 3.12, {version}")),
)
_COMMENTS = (
    "<!-- Thanks for opening an issue! Please fill in all that follows. -->",
    "<!-- Please look for similar issues before you open a new one. -->",
    "<!-- Say what happens, and what you expected to happen instead. -->",
    "<!--\nDo not delete this template, or the issue will be closed.\n-->",
)
_EMPTY = "_No response_"
# A text of several paragraphs is often written into several fields.
_FURTHER = (
    "Steps to reproduce",
    "Expected behavior",
    "Actual behavior",
    "Motivation",
    "Proposed solution",
    "More details",
    "Additional context",
    "Use case",
    "Example",
    "Notes",
)


def formed(body: str, rng: random.Random) -> str:
    """The body inside a form that the random numbers make up; all of its text stays, in its order."""
    mark, end = rng.choice((("### ", ""), ("### ", ""), ("## ", ""), ("**", "**")))
    version = f"{rng.randint(0, 9)}.{rng.randint(0, 30)}.{rng.randint(0, 12)}"

    def heading(text: str) -> str:
        return f"{mark}{text}{end}"

    parts = [rng.choice(_COMMENTS)] if rng.random() < 0.3 else []
    if rng.random() < 0.75:
        parts += [heading(rng.choice(_BEFORE)), _boxes(rng.randint(1, 4), rng)]
    if rng.random() < 0.8:
        parts.append(heading(rng.choice(_ABOVE)))
    for place, piece in enumerate(_pieces(body.strip() or _EMPTY, rng)):
        parts += [heading(rng.choice(_FURTHER)), piece] if place else [piece]
    for name, values in rng.sample(_FIELDS, rng.randint(0, 5)):
        parts += [heading(name), rng.choice(values).format(version=version)]
    if rng.random() < 0.4:
        parts += [heading(rng.choice(_BEFORE)), _boxes(rng.randint(1, 3), rng)]
    return "\n\n".join(parts)


def _pieces(body: str, rng: random.Random) -> list[str]:
    """The body, now and then in two or three pieces, cut where a paragraph ends outside of code."""
    ends = [found.end() for found in re.finditer(r"\n\s*\n", body) if body.count("```", 0, found.end()) % 2 == 0]
    if not ends or rng.random() >= 0.3:
        return [body]
    cuts = sorted(rng.sample(ends, min(len(ends), rng.randint(1, 2))))
    return [body[start:end].strip() for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]


def _boxes(count: int, rng: random.Random) -> str:
    """Most are ticked; some people tick with a capital, some end the line with a full stop."""
    lines = []
    for text in rng.sample(_BOXES, count):
        tick = rng.choices("xX ", (0.85, 0.07, 0.08))[0]
        lines.append(f"- [{tick}] {text}{rng.choice(('', '', '.'))}")
    return "\n".join(lines)
