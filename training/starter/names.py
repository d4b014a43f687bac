"""Other names and descriptions that projects give the ten labels, so that a list is read and not known by heart."""

from __future__ import annotations

# A column is one project's habit. The ten columns of a label are all different within the label.
NAMES: dict[str, tuple[str, ...]] = {
    "bug": (
        "kind/bug", "type: bug", "Bug", "defect", "type/bug", "C-bug", ":bug: bug", "bug report", "🐛 bug", "t-bug",
    ),
    "enhancement": (
        "kind/feature", "type: feature", "Enhancement", "feature request", "type/feature", "C-enhancement",
        ":sparkles: feature", "feature", "✨ feature", "t-feature",
    ),
    "documentation": (
        "kind/documentation", "type: docs", "Documentation", "docs", "type/docs", "A-docs", ":memo: docs", "doc issue",
        "📖 docs", "t-docs",
    ),
    "question": (
        "kind/support", "type: question", "Question", "support request", "type/question", "C-question",
        ":question: question", "usage question", "❓ question", "help",
    ),
    "maintenance": (
        "kind/cleanup", "type: maintenance", "Maintenance", "chore", "type/chore", "C-cleanup", ":wrench: chore",
        "refactoring", "🔧 internal", "tech debt",
    ),
    "testing": (
        "kind/flake", "type: tests", "Testing", "tests", "area/testing", "T-tests", ":test_tube: tests", "flaky test",
        "🧪 tests", "test-infra",
    ),
    "performance": (
        "kind/performance", "type: performance", "Performance", "slow", "area/performance", "I-slow", ":zap: perf",
        "optimization", "⚡ performance", "perf/memory",
    ),
    "security": (
        "kind/security", "type: security", "Security", "vulnerability", "area/security", "I-security",
        ":lock: security", "hardening", "🔒 security", "sec",
    ),
    "ux/ui": (
        "area/ui", "type: design", "User interface", "ui", "area/ux", "A-frontend", ":art: design", "usability",
        "🎨 design", "visual",
    ),
    "ci/cd": (
        "area/ci", "type: build", "Continuous integration", "ci", "area/build", "A-infra", ":package: build",
        "build and release", "📦 packaging", "release tooling",
    ),
}  # fmt: skip
HABITS = 10

DESCRIPTIONS: dict[str, tuple[str, ...]] = {
    "bug": (
        "Something isn't working", "Works otherwise than documented or expected", "Reported defects, confirmed or not",
        "Crashes, wrong results, broken behaviour",
    ),
    "enhancement": (
        "New feature or request", "Somebody wishes for new behaviour", "Ideas, proposals and improvements",
        "Asks for something the project cannot do yet",
    ),
    "documentation": (
        "Improvements or additions to documentation", "Docs, examples, README or website",
        "The documentation is wrong, unclear or lacks something",
    ),
    "question": (
        "Further information is requested", "How do I …? Help with using it", "Support: neither a defect nor a wish",
    ),
    "maintenance": (
        "Refactoring, clean-up, chores", "Internal work that users do not see", "Dependencies, releases, old code",
    ),
    "testing": (
        "Tests and test infrastructure", "A test is missing, fails or is flaky", "About the test suite itself",
    ),
    "performance": (
        "Speed or memory use", "Takes too long or too much memory", "Anything about being fast and small",
    ),
    "security": (
        "A vulnerability or hardening", "Attacks, leaks, permissions, authentication",
        "Unsafe handling of data or access",
    ),
    "ux/ui": (
        "How it looks and feels to use", "Layout, styling, wording, accessibility",
        "The user interface and its usability",
    ),
    "ci/cd": (
        "Continuous integration, builds, releases", "Pipelines, packaging, images",
        "How the project is built and shipped",
    ),
}  # fmt: skip
