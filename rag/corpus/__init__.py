"""From files to articles, sentences and passages, with offsets into the stored text."""
