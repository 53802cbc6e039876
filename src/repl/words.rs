//! Splits a line into words as a shell does: at white space, but not within quotes.

/// A word, and where it stands in the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    /// The word without its quotes and backslashes.
    pub(super) text: String,
    /// Where it begins, quotes included.
    pub(super) start: usize,
    /// Where it ends.
    pub(super) end: usize,
    /// Whether its last quote is closed.
    pub(super) is_closed: bool,
}

/// The first word at or after `from`; `None` if there is only white space.
pub(super) fn next(line: &str, from: usize) -> Option<Word> {
    let rest = &line[from..];
    let start = from + rest.find(|c: char| !c.is_whitespace())?;
    let mut text = String::new();
    let mut quote = None;
    let mut chars = line[start..].char_indices();
    let mut end = line.len();
    while let Some((i, c)) = chars.next() {
        match (quote, c) {
            (None, c) if c.is_whitespace() => {
                end = start + i;
                break;
            }
            (None, '\'' | '"') => quote = Some(c),
            (Some(q), c) if q == c => quote = None,
            (None, '\\') => text.extend(chars.next().map(|(_, c)| c)),
            (Some('"'), '\\') => match chars.next() {
                Some((_, c @ ('"' | '\\'))) => text.push(c),
                Some((_, c)) => text.extend(['\\', c]),
                None => {}
            },
            (_, c) => text.push(c),
        }
    }
    Some(Word {
        text,
        start,
        end,
        is_closed: quote.is_none(),
    })
}

/// All words of a line; the last may lack its closing quote.
pub(super) fn all(line: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    while let Some(word) = next(line, words.last().map_or(0, |word| word.end)) {
        words.push(word);
    }
    words
}

/// A text as one word.
pub(super) fn quoted(text: &str) -> String {
    let is_special = |c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '\\');
    match text {
        "" => "''".to_owned(),
        text if text.contains(is_special) => {
            format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
        }
        text => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(line: &str) -> Vec<String> {
        all(line).into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn words_are_split_as_in_a_shell() {
        assert_eq!(texts("  send  ab hi "), ["send", "ab", "hi"]);
        assert_eq!(
            texts(r#"a 'b "c' "d \"e\" \n" f\ g '' x"y"'z'"#),
            ["a", "b \"c", "d \"e\" \\n", "f g", "", "xyz"]
        );
        assert_eq!(texts("größe 'ä b'"), ["größe", "ä b"]);
        assert!(texts(" \t ").is_empty());
    }

    #[test]
    fn an_open_quote_is_noticed() {
        let words = all("it's fine");
        assert_eq!(words.len(), 1);
        assert!(!words[0].is_closed);
    }

    #[test]
    fn a_quoted_text_is_one_word_again() {
        for text in ["", "a b", "it's \"x\" \\", "plain"] {
            assert_eq!(texts(&quoted(text)), [text]);
        }
    }
}
