"""What a study is: comparisons, panels and statements as frozen records, and their plain form."""
