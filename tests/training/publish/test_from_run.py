"""Publishing on the Hub by the trainer's huggingface_hub, which is a 1.x where the runtime's is a 2.x."""

from __future__ import annotations

import pytest

from tests.training.publish.test_hub import (  # noqa: F401 - fixtures and tests
    exported,
    hub,
    test_a_commit_whose_answer_got_lost_is_found_again_and_pinned,
    test_a_connection_lost_while_uploading_prints_no_pin_and_the_next_run_sends_only_the_rest,
    test_a_dry_run_lists_every_file_and_writes_nothing,
    test_a_second_run_sends_nothing_and_prints_the_same_pin,
    test_a_token_that_may_not_write_is_told_what_it_lacks,
    test_what_was_published_is_fetched_verified_and_labels_an_issue,
)

pytestmark = pytest.mark.training
