"""Agreement in the field: what became of the labels that the action set, read from a repository's own label events.

stories      the events of each issue, and who did what
verdicts     what people made of each label: kept, removed, or added by them
agreement    counts and intervals, by label and by week
repository   all of it read of one repository: events, labels, survey
drift        do the first and the second half of the issues differ?
corrections  people's own decisions as a dataset to train on
report       terminal, Markdown, JSON
"""
