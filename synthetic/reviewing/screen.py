"""The terminal screen of `review`: one issue at a time, its annotators' answers, and the labels to tick.

Issue text reaches the screen as plain text without control characters: it can neither style nor steer the terminal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.events import Key
from textual.screen import ModalScreen
from textual.widgets import Footer, OptionList, ProgressBar, Static

from labeler.data.textfile import one_line
from labeler.labels.label_set import LabelSet
from synthetic.reviewing.decisions import Item, Session, visible

# Digits first, then the letters that are no commands.
KEYS = "1234567890bcdefghilmnoprtvwxyz"
HELP = """Tick the labels that fit, then accept. Each decision is saved at
once; you can leave at any time.

a              accept what is ticked, if only nothing;
               to begin with, the consensus is ticked
1 2 … b c …    tick or untick the label with that key
↑ ↓ space      move to a label, tick or untick it
s              skip: undecided, it comes last the next time
u              undo the last step, then the one before it
PgUp PgDn j k  scroll the issue
q              leave

● an annotator set the label, ○ it did not; from left to
right as the annotators stand from top to bottom.

Any key closes this."""
BREAKPOINTS: list[tuple[int, str]] | None = [(0, "-narrow"), (90, "-wide")]
STYLE = """
#top { height: 1; background: $panel; padding: 0 1; }
#where { width: 1fr; }
#count { width: auto; padding: 0 1; }
ProgressBar { width: 24; }
#main { height: 1fr; }
#issue { width: 1fr; padding: 1 2 0 2; }
#title { text-style: bold; }
#meta { color: $text-muted; margin-bottom: 1; }
#scroll { height: 1fr; scrollbar-size-vertical: 1; }
#side { width: 50; border-left: solid $panel-lighten-2; padding: 1 1 0 1; }
#answers { height: auto; max-height: 50%; margin-bottom: 1; }
#labels { height: 1fr; border: none; padding: 0; scrollbar-size-vertical: 1; }
#labels, #labels:focus { background: transparent; background-tint: transparent; }
#labels > .option-list--option-highlighted { background: $primary-muted; color: $foreground; text-style: none; }
#about { height: auto; max-height: 4; color: $text-muted; margin-top: 1; }
.-narrow #main { layout: vertical; }
.-narrow #side { width: 1fr; height: 60%; border-left: none; border-top: solid $panel-lighten-2; padding: 0 1; }
.-narrow #issue { height: 40%; width: 100%; padding: 0 1; }
HelpScreen { align: center middle; }
HelpScreen Static { width: auto; height: auto; max-width: 100%; padding: 1 2; border: round $accent;
                    background: $panel; }
"""


class HelpScreen(ModalScreen[None]):
    """The keys, over the issue."""

    def compose(self) -> ComposeResult:
        yield Static(Text(HELP))

    def on_key(self, event: Key) -> None:
        event.stop()
        self.dismiss()


class ReviewApp(App[Exception | None]):
    """Goes through a session's items. Returns the error that ended it, else None."""

    CSS = STYLE
    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS = BREAKPOINTS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "accept", "accept"),
        Binding("space", "tick", "tick", priority=True),
        Binding("s", "skip", "skip"),
        Binding("u", "undo", "undo"),
        Binding("question_mark", "help", "help", key_display="?"),
        Binding("q", "quit", "leave"),
        Binding("pagedown", "scroll_issue(1)", priority=True, show=False),
        Binding("pageup", "scroll_issue(-1)", priority=True, show=False),
        Binding("j", "scroll_line(1)", show=False),
        Binding("k", "scroll_line(-1)", show=False),
        *(Binding(key, f"tick_label({number})", show=False) for number, key in enumerate(KEYS)),
    ]

    def __init__(self, session: Session, labels: LabelSet, where: str) -> None:
        super().__init__()
        self._session, self._labels, self._where = session, labels, where

    def compose(self) -> ComposeResult:
        with Horizontal(id="top"):
            yield Static(Text(one_line(self._where)), id="where")
            yield Static(id="count")
            yield ProgressBar(total=max(1, len(self._session.items)), show_eta=False, show_percentage=False)
        with Horizontal(id="main"):
            with Vertical(id="issue"):
                yield Static(id="title")
                yield Static(id="meta")
                with VerticalScroll(id="scroll", can_focus=False):
                    yield Static(id="body")
            with Vertical(id="side"):
                yield Static(id="answers")
                yield OptionList(id="labels")
                yield Static(id="about")
        yield Footer()

    def on_mount(self) -> None:
        self.query_one("#labels").focus()
        self._show()

    def action_accept(self) -> None:
        self._step(self._session.accept)

    def action_skip(self) -> None:
        self._step(self._session.skip)

    def action_undo(self) -> None:
        self._step(self._session.undo)

    def action_tick_label(self, number: int) -> None:
        if self._session.item is None or number >= len(self._labels):
            return
        self._session.toggle(self._labels.names[number])
        self.query_one("#labels", OptionList).highlighted = number
        self._show_labels()

    def action_tick(self) -> None:
        highlighted = self.query_one("#labels", OptionList).highlighted
        if highlighted is not None:
            self.action_tick_label(highlighted)

    def action_help(self) -> None:
        self.push_screen(HelpScreen())

    def action_scroll_issue(self, pages: int) -> None:
        area = self.query_one("#scroll", VerticalScroll)
        area.scroll_relative(y=pages * max(1, area.size.height - 2), animate=False)

    def action_scroll_line(self, lines: int) -> None:
        self.query_one("#scroll", VerticalScroll).scroll_relative(y=lines, animate=False)

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        about = self._labels.labels[event.option_index].description
        self.query_one("#about", Static).update(Text(one_line(about)))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.action_tick_label(event.option_index)

    def _step(self, step: Callable[[], object]) -> None:
        try:
            step()
        except OSError as error:
            self.exit(error)
            return
        self._show()

    def _show(self) -> None:
        session, item = self._session, self._session.item
        self.query_one("#count", Static).update(f"{session.place} of {len(session.items)} done")
        self.query_one(ProgressBar).update(progress=session.place)
        self.query_one("#side").display = item is not None
        if item is None:
            title, meta, body = "That was the last one.", "", summary(session)
            body += "\n\nu takes the last one back, q leaves."
        else:
            title, meta, body = one_line(item.issue.title), _meta(item), visible(item.issue.body) or "(no text)"
            self.query_one("#answers", Static).update(_answers(item))
        self.query_one("#title", Static).update(Text(title))
        self.query_one("#meta", Static).update(Text(meta))
        self.query_one("#body", Static).update(Text(body))
        self.query_one("#scroll", VerticalScroll).scroll_home(animate=False)
        if item is not None:
            self._show_labels()
            self.query_one("#labels", OptionList).highlighted = 0
            self.query_one("#labels").focus()

    def _show_labels(self) -> None:
        rows, item = self.query_one("#labels", OptionList), self._session.item
        if item is None:
            return
        prompts = _prompts(item, self._session.ticked, self._labels)
        if not rows.option_count:
            rows.add_options(prompts)
        for number, prompt in enumerate(prompts):
            rows.replace_option_prompt_at_index(number, prompt)


def summary(session: Session) -> str:
    """What a session came to."""
    left = len(session.items) - session.place + session.skipped
    return f"{session.decided} decided, {session.skipped} skipped, {left} left"


def _meta(item: Item) -> str:
    parts = [item.issue.id, item.issue.created_at[:10]]
    if item.consensus is None:
        parts.append("no answers")
    elif item.consensus.agreement is None:
        parts.append("one answer")
    else:
        parts.append(f"agreement {item.consensus.agreement:.2f}")
    return one_line("  ·  ".join(part for part in parts if part))


def _answers(item: Item) -> Table:
    table = Table.grid(padding=(0, 2), expand=False)
    table.add_column(style="dim", overflow="fold", max_width=24)
    table.add_column(overflow="fold")
    for name, labels in sorted(item.answers.items()):
        table.add_row(Text(one_line(name)), _named(labels))
    if item.consensus is not None:
        table.add_row(Text("consensus"), _named(item.consensus.labels, "bold"))
    table.add_row(Text("repository"), _named(item.issue.labels))
    return table


def _named(labels: tuple[str, ...], style: str = "") -> Text:
    return Text(one_line(", ".join(labels)), style) if labels else Text("none", "dim italic")


def _prompts(item: Item, ticked: frozenset[str], labels: LabelSet) -> list[Text]:
    width = max(len(one_line(name)) for name in labels.names)
    rows = []
    for number, name in enumerate(labels.names):
        key = KEYS[number] if number < len(KEYS) else " "
        style = "bold" if name in ticked else ""
        row = Text("[x] " if name in ticked else "[ ] ", style)
        row.append(f"{key} ", "dim").append(f"{one_line(name):<{width}}  ", style)
        for _, given in sorted(item.answers.items()):
            row.append(*("●", "yellow") if name in given else ("○", "dim"))
        rows.append(row)
    return rows
