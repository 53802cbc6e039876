//! Keys and key expressions, as the published package parses them (pure).

use super::refusal::Refusal;

/// The rest of a key that has none: `foo` and `foo:0` name the same item.
pub const SIMPLE_REST: &str = "0";

/// Most bytes in a namespace, and in the rest.
const MAX_PART: usize = 256;

/// A parsed key: a namespace and a rest.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// `namespace` or `namespace:rest`, trimmed.
    text: String,
    /// Where the namespace ends in `text`.
    namespace_len: usize,
}

impl Key {
    /// Parses a key or a key expression; anything but a string counts as empty.
    ///
    /// # Errors
    /// `Invalid key`, alone or with the limit that is exceeded.
    pub fn parse(input: &str) -> Result<Self, Refusal> {
        let key = Self::split(input)?;
        let simple = key.is_simple();
        if !simple && key.namespace_len > MAX_PART {
            return Err(Refusal::validation(
                "Invalid key: Maximum collection name size is 256 bytes",
            ));
        }
        if (if simple {
            key.namespace_len
        } else {
            key.rest().len()
        }) > MAX_PART
        {
            return Err(Refusal::validation(
                "Invalid key: Maximum Key size is 256 bytes",
            ));
        }
        Ok(key)
    }

    /// Parses a key that is to be written: some characters are reserved for expressions.
    ///
    /// # Errors
    /// As [`Key::parse`], and the two texts about reserved characters.
    pub fn parse_for_write(input: &str) -> Result<Self, Refusal> {
        let key = Self::parse(input)?;
        if key.is_simple() {
            return Ok(key);
        }
        let rest = key.rest();
        if rest.contains(['|', '*']) {
            return Err(Refusal::validation(
                "Invalid key: Key names in collections cannot contain the '|' or the '*' characters.",
            ));
        }
        if rest.starts_with(['>', '<']) {
            return Err(Refusal::validation(
                "Invalid key: Key names in collections cannot start with the '>' or '<' characters.",
            ));
        }
        Ok(key)
    }

    fn split(input: &str) -> Result<Self, Refusal> {
        let mut pieces = input.split(':').map(trim);
        let namespace = pieces.next().unwrap_or_default();
        let second = pieces.next();
        if namespace.is_empty() || second.is_some_and(str::is_empty) {
            return Err(Refusal::validation("Invalid key"));
        }
        let mut text = String::with_capacity(input.len());
        text.push_str(namespace);
        for piece in second.into_iter().chain(pieces) {
            text.push(':');
            text.push_str(piece);
        }
        Ok(Self {
            namespace_len: namespace.len(),
            text,
        })
    }

    /// A key from its stored parts; `simple` tells how it is shown.
    pub fn from_parts(namespace: &str, rest: &str, simple: bool) -> Self {
        let text = if simple {
            namespace.to_owned()
        } else {
            format!("{namespace}:{rest}")
        };
        Self {
            namespace_len: namespace.len(),
            text,
        }
    }

    /// The part before the first `:`.
    pub fn namespace(&self) -> &str {
        self.text.get(..self.namespace_len).unwrap_or_default()
    }

    /// The part after it, `"0"` if there is none.
    pub fn rest(&self) -> &str {
        self.text
            .get(self.namespace_len + 1..)
            .unwrap_or(SIMPLE_REST)
    }

    /// Whether the key was written without `:`.
    pub fn is_simple(&self) -> bool {
        self.namespace_len == self.text.len()
    }

    /// The key as it is shown.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Refuses what `remove` takes for an expression.
    ///
    /// # Errors
    /// If the rest ends with `*`, starts with `>` or contains `|`.
    pub fn refuse_conditional_remove(&self) -> Result<(), Refusal> {
        let rest = self.rest();
        if !self.is_simple() && (rest.ends_with('*') || rest.starts_with('>') || rest.contains('|'))
        {
            return Err(Refusal::validation(
                "You cannot delete items using conditionals. Please remove each item separately.",
            ));
        }
        Ok(())
    }
}

/// Which rests of a namespace a key expression selects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Exactly this one.
    Is(String),
    /// All of them (`ns:*`).
    All,
    /// Those that begin so (`ns:x*`).
    Prefix(String),
    /// Below (`ns:<x`).
    Less(String),
    /// Below or equal (`ns:<=x`).
    LessOrEqual(String),
    /// Above (`ns:>x`).
    Greater(String),
    /// Above or equal (`ns:>=x`).
    GreaterOrEqual(String),
    /// From the one to the other, both included (`ns:x|y`).
    Between(String, String),
}

impl Condition {
    /// Reads the condition that a key expression states.
    ///
    /// # Errors
    /// A misplaced wildcard or a missing bound, with the package's text.
    pub fn parse(key: &Key) -> Result<Self, Refusal> {
        let rest = key.rest();
        if key.is_simple() {
            return Ok(Self::Is(rest.to_owned()));
        }
        if rest.find('*').is_some_and(|at| at + 1 != rest.len()) {
            return Err(Refusal::validation(
                "Wildcards ('*') can only be used at the end of a key expression",
            ));
        }
        type Make = fn(String) -> Condition;
        let operators: [(&str, Make); 4] = [
            ("<=", Self::LessOrEqual),
            ("<", Self::Less),
            (">=", Self::GreaterOrEqual),
            (">", Self::Greater),
        ];
        for (operator, make) in operators {
            if let Some(after) = rest.strip_prefix(operator) {
                let bound = bound(after);
                if bound.is_empty() {
                    return Err(Refusal::validation(format!(
                        "You must supply a key name after '{operator}'"
                    )));
                }
                return Ok(make(bound));
            }
        }
        Self::parse_range_or_prefix(rest)
    }

    fn parse_range_or_prefix(rest: &str) -> Result<Self, Refusal> {
        let mut pieces = rest.split('|');
        if let (Some(low), Some(high)) = (pieces.next(), pieces.next()) {
            let (low, high) = (bound(low), bound(high));
            if low.is_empty() || high.is_empty() {
                return Err(Refusal::validation(
                    "You must supply a key name before and after '|'",
                ));
            }
            return Ok(Self::Between(low, high));
        }
        Ok(match rest.strip_suffix('*') {
            Some("") => Self::All,
            Some(_) => Self::Prefix(bound(rest)),
            None => Self::Is(rest.to_owned()),
        })
    }

    /// Refuses a range whose bounds are in the wrong order, as the database does.
    ///
    /// # Errors
    /// The database's `ValidationException`.
    pub fn check_order(&self) -> Result<(), Refusal> {
        match self {
            Self::Between(low, high) if low > high => Err(Refusal::database(format!(
                "Invalid KeyConditionExpression: The BETWEEN operator requires upper bound to be \
                 greater than or equal to lower bound; lower bound operand: AttributeValue: \
                 {{S:{low}}}, upper bound operand: AttributeValue: {{S:{high}}}"
            ))),
            _ => Ok(()),
        }
    }

    /// Whether a rest satisfies the condition (UTF-8 byte order).
    pub fn matches(&self, rest: &str) -> bool {
        match self {
            Self::Is(bound) => rest == bound,
            Self::All => true,
            Self::Prefix(bound) => rest.starts_with(bound.as_str()),
            Self::Less(bound) => rest < bound.as_str(),
            Self::LessOrEqual(bound) => rest <= bound.as_str(),
            Self::Greater(bound) => rest > bound.as_str(),
            Self::GreaterOrEqual(bound) => rest >= bound.as_str(),
            Self::Between(low, high) => (low.as_str()..=high.as_str()).contains(&rest),
        }
    }
}

/// A bound of an expression: trimmed, without its first `*`.
fn bound(text: &str) -> String {
    trim(text).replacen('*', "", 1)
}

/// JavaScript's `String.prototype.trim`: its set of blanks differs from Rust's by U+0085 and U+FEFF.
pub fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c == '\u{feff}' || (c != '\u{85}' && c.is_whitespace()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(input: &str) -> Result<String, String> {
        Key::parse(input)
            .map(|key| key.as_str().to_owned())
            .map_err(|refusal| refusal.message.into_owned())
    }

    #[test]
    fn pieces_are_trimmed_and_the_first_two_may_not_be_empty() {
        assert_eq!(shown(" foo "), Ok("foo".into()));
        assert_eq!(shown(" a : b : c "), Ok("a:b:c".into()));
        assert_eq!(shown("a:b:"), Ok("a:b:".into()));
        assert_eq!(shown("a:b::c"), Ok("a:b::c".into()));
        for bad in ["", " ", ":b", "a:", "a: ", "a::b", "\u{feff}"] {
            assert_eq!(shown(bad), Err("Invalid key".into()), "{bad:?}");
        }
    }

    #[test]
    fn limits_count_utf8_bytes() {
        assert!(shown(&"x".repeat(256)).is_ok());
        assert!(shown(&"é".repeat(128)).is_ok());
        let too_long = Err("Invalid key: Maximum Key size is 256 bytes".to_owned());
        assert_eq!(shown(&"x".repeat(257)), too_long);
        assert_eq!(shown(&"é".repeat(129)), too_long);
        assert_eq!(shown(&format!("n:{}", "x".repeat(257))), too_long);
        assert_eq!(
            shown(&format!("{}:x", "n".repeat(257))),
            Err("Invalid key: Maximum collection name size is 256 bytes".into())
        );
    }

    #[test]
    fn only_the_rest_of_a_written_key_is_restricted() {
        for fine in ["a*", ">a", "a|b", "n*s:k", "a:b>c"] {
            assert!(Key::parse_for_write(fine).is_ok(), "{fine}");
        }
        for refused in ["a:x*", "a:b|c", "a:>b", "a: <b"] {
            assert!(Key::parse_for_write(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn expressions_are_read_in_the_packages_order() {
        let read = |input: &str| {
            Condition::parse(&Key::parse(input).expect("a key"))
                .map_err(|refusal| refusal.message.into_owned())
        };
        assert_eq!(read("q*"), Ok(Condition::Is("0".into())));
        assert_eq!(read("q:* "), Ok(Condition::All));
        assert_eq!(read("q:a*"), Ok(Condition::Prefix("a".into())));
        assert_eq!(read("q: >= a "), Ok(Condition::GreaterOrEqual("a".into())));
        assert_eq!(read("q:>1:*"), Ok(Condition::Greater("1:".into())));
        assert_eq!(read("q:<a|b"), Ok(Condition::Less("a|b".into())));
        assert_eq!(
            read("q:1|2|3"),
            Ok(Condition::Between("1".into(), "2".into()))
        );
        assert!(read("q:1*|a").unwrap_err().starts_with("Wildcards"));
        assert!(read("q:**").unwrap_err().starts_with("Wildcards"));
        assert_eq!(
            read("q:<*").unwrap_err(),
            "You must supply a key name after '<'"
        );
        assert_eq!(
            read("q:1|").unwrap_err(),
            "You must supply a key name before and after '|'"
        );
    }
}
