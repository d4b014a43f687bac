"""What became of labels once people had their say, told by the events of an issue.

stories    label events put together by issue, and who is who
judging    a verdict for each label of each issue, and the truth that follows
"""
