"""Issue forms put around an issue's text, as GitHub renders them, to measure whether a model looks past them.

Twelve layouts: attestations, drop-downs, headings, fields left empty; the issue's own text stands in the field that
asks for it. Four are forms for defects and three for wishes, put around issues that are such; five ask for nothing in
particular. No training form is to be copied from here.
"""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass, replace

from labeler.text.issue import Issue

TEXT = "\0"  # where the issue's text goes
EMPTY = "_No response_"
NUMBERS = ("2.4.1", "v1.19.0", "0.8.3-rc2", "3.0.0", "2025.11", "built from the default branch today")
SYSTEMS = ("Fedora 43", "Windows 11 24H2", "macOS Tahoe 26", "Arch (rolling)", "Debian trixie", "FreeBSD 14.3")


@dataclass(frozen=True)
class Field:
    """A heading and what may stand below it: one of `answers`, or two to four of `boxes`, most of them ticked."""

    heading: str
    answers: tuple[str, ...] = ()
    boxes: tuple[str, ...] = ()


Layout = tuple[Field, ...]
OPENING = (
    "Nobody has reported this yet, as far as a search shows",
    "The manual and the troubleshooting chapter did not answer it",
    "I know that support is given in the chat, not here",
    "Vulnerabilities go to the security address, never into the tracker; this is none",
    "It also happens with the newest release",
    "My report is in English and about one thing alone",
    "I keep to the code of conduct",
    "I took passwords and tokens out of what I pasted",
)
CLOSING = (
    "I would write the change and its tests, given some guidance",
    "I would update the guide along with it",
    "I accept that tickets without an answer for a month are closed",
    "Maintainers may edit my title and my text",
    "I have looked at the preview once more before sending",
)
MACHINE = ("- host: {system}\n- release: {number}\n- browser: none", "release {number} on {system}", EMPTY)
DEFECTS: tuple[Layout, ...] = (
    (
        Field("Before filing", boxes=OPENING),
        Field("What goes wrong, and when?", (TEXT,)),
        Field("What should happen instead?", (EMPTY, "see above")),
        Field("Release you are on", NUMBERS),
        Field("Platform", SYSTEMS),
        Field("Console output", (EMPTY, "```text\n```")),
        Field("Screenshots or recordings", (EMPTY,)),
    ),
    (
        Field("Which part is concerned?", ("Not sure", "Core", "Documentation, Core", "Command line, Packaging")),
        Field("Observed behaviour", (TEXT,)),
        Field("Is it repeatable?", ("Yes, each time", "Now and then", "Happened once")),
        Field("Steps, one by one", (EMPTY, "described above")),
        Field("Version information", NUMBERS),
        Field("Machine", MACHINE),
        Field("Declaration", boxes=OPENING),
    ),
    (
        Field("Affected version", NUMBERS),
        Field("Last version known to be fine", (EMPTY, "never tried another", *NUMBERS[:2])),
        Field("Report", (TEXT,)),
        Field("Severity as you see it", ("Annoying", "Stops my work", "Cosmetic", EMPTY)),
        Field("Does it hurt speed or memory?", ("No", "Not measured", EMPTY)),
        Field("Anything else we should have asked?", (EMPTY, "no", "-")),
        Field("Would you help?", boxes=CLOSING),
    ),
    (
        Field("Please confirm", boxes=OPENING),
        Field("The problem in your words", (TEXT,)),
        Field("Host", SYSTEMS),
        Field("Set up by", ("package manager", "container image", "source checkout", EMPTY)),
        Field("Configuration", (EMPTY, "```yaml\n```", "defaults")),
        Field("Relevant lines of the log", (EMPTY, "```shell\n```")),
        Field("Last questions", boxes=CLOSING),
    ),
)
WISHES: tuple[Layout, ...] = (
    (
        Field("First things first", boxes=OPENING),
        Field("Is your wish born of a problem?", (EMPTY, "somewhat", "see below")),
        Field("Your proposal", (TEXT,)),
        Field("Who would gain from it?", (EMPTY, "Me and my team", "Most users, I think")),
        Field("Could you build it?", boxes=CLOSING),
    ),
    (
        Field("Where would this live?", ("Command line", "Library", "User interface", "No idea", EMPTY)),
        Field("What are you missing?", (TEXT,)),
        Field("Workarounds in use", (EMPTY, "none so far")),
        Field("Effect on speed, security, compatibility", (EMPTY, "none that I see")),
        Field("Release you are on", NUMBERS),
        Field("Checks", boxes=OPENING),
    ),
    (
        Field("Rules", boxes=OPENING),
        Field("Idea", (TEXT,)),
        Field("Prior art", (EMPTY, "did not look")),
        Field("Mock-ups", (EMPTY,)),
        Field("Taking part", boxes=CLOSING),
    ),
)
ANY: tuple[Layout, ...] = (
    (
        Field("House rules", boxes=OPENING),
        Field("Message", (TEXT,)),
        Field("Your set-up", MACHINE),
        Field("Attachments", (EMPTY,)),
        Field("Afterwards", boxes=CLOSING),
    ),
    (
        Field("Component (if you know it)", ("Don't know", "Other", "Build and tests", EMPTY)),
        Field("Body", (TEXT,)),
        Field("Version", NUMBERS),
        Field("Operating system", SYSTEMS),
        Field("Contact for follow-up", (EMPTY, "here is fine")),
        Field("Tick what is true", boxes=OPENING),
    ),
    (
        Field("Kind of ticket", ("Something else", "I don't know", EMPTY)),
        Field("Tell us", (TEXT,)),
        Field("Operating system", SYSTEMS),
        Field("Exact version", NUMBERS),
        Field("How did you install it?", ("wheel", "distribution", "installer", EMPTY)),
        Field("Checks", boxes=OPENING),
        Field("Next steps", boxes=CLOSING),
    ),
    (
        Field("Type of user", ("Individual", "Company", "Distribution packager", EMPTY)),
        Field("Pages of the manual you read", (EMPTY, "the first two", "installation, FAQ")),
        Field("Content", (TEXT,)),
        Field("Urgency", ("whenever", "soon, please", EMPTY)),
        Field("Links", (EMPTY,)),
        Field("Consent", boxes=CLOSING),
    ),
    (
        Field("Preliminaries", boxes=OPENING),
        Field("Text", (TEXT,)),
        Field("Environment details", MACHINE),
        Field("Seen elsewhere?", (EMPTY, "not that I know")),
        Field("Output of the self-test", (EMPTY, "```console\n0 failed\n```")),
    ),
)
_COMMENTS = (
    "<!-- Lines like this one are hidden; write below them. -->",
    "<!--\nThanks for writing to us. Empty tickets are closed by a robot.\n-->",
)


def in_a_form(issue: Issue, labels: Collection[str], seed: str) -> Issue:
    """The issue as somebody would have filed it by a form; equal seeds give equal forms.

    Args:
        labels: its true labels: they tell which forms a reporter would have taken.
        seed: of this issue's form.
    """
    rng = random.Random(seed)
    layouts = ANY + (DEFECTS if "bug" in labels else WISHES if "enhancement" in labels else ())
    layout = rng.choice(layouts)
    level = rng.choice(("### ", "### ", "### ", "## "))
    parts = [rng.choice(_COMMENTS)] if rng.random() < 0.2 else []
    for field in layout:
        parts.append(level + field.heading)
        parts.append(_ticked(field.boxes, rng) if field.boxes else _answer(field.answers, issue.body, rng))
    return replace(issue, body="\n\n".join(parts))


def _answer(answers: tuple[str, ...], body: str, rng: random.Random) -> str:
    answer = rng.choice(answers)
    if answer == TEXT:
        return body.strip() or EMPTY
    return answer.format(system=rng.choice(SYSTEMS), number=rng.choice(NUMBERS))


def _ticked(boxes: tuple[str, ...], rng: random.Random) -> str:
    shown = sorted(rng.sample(range(len(boxes)), rng.randint(2, 4)))
    return "\n".join(f"- [{'x' if rng.random() < 0.85 else ' '}] {boxes[i]}." for i in shown)
