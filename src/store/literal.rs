//! Values that come as JSON from a file or the command line, and go back to one (pure).
//!
//! Tags are those of [`row`](super::row): what an export writes, an import reads back exactly. A
//! value that is an object and looks like a tag at its root is exported under the tag `m`.

use serde_json::value::RawValue;

use super::decimal::Decimal;
use super::json;
use super::row::TAG;

/// Most maps and lists around a scalar within one root property.
const MAX_DEPTH: usize = 31;
/// The greatest integer up to which a JavaScript number is exact.
const MAX_SAFE: f64 = 9_007_199_254_740_991.0;

/// A value as it is stored.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Literal {
    /// Compact JSON text, tags included.
    pub json: String,
    /// It holds tags.
    pub tagged: bool,
    /// It is not an object.
    pub scalar: bool,
}

impl Literal {
    /// Checks a value's JSON text and brings it into the stored form.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut out = Self::default();
        let text = text.trim();
        if !text.starts_with('{') {
            out.scalar = true;
            out.push(text, 0)?;
            return Ok(out);
        }
        let properties = split(text)?;
        match tag_of(&properties) {
            Some(("m", content)) => out.push_object(&split(content)?, 0)?,
            Some(("n", content)) => {
                out.scalar = true;
                out.push_number_tag(content)?;
            }
            Some((tag, _)) => return Err(format!("a value cannot be a `{TAG}{tag}`")),
            None => out.push_object(&properties, 0)?,
        }
        Ok(out)
    }

    /// Appends a value that lies `depth` maps and lists deep in its root property.
    fn push(&mut self, text: &str, depth: usize) -> Result<(), String> {
        match text.as_bytes().first() {
            Some(b'{') => self.push_map(text, depth),
            Some(b'[') => self.push_list(text, depth),
            Some(b'"') => self.push_string(text),
            Some(b't' | b'f' | b'n') => {
                self.json.push_str(text);
                Ok(())
            }
            _ => self.push_number(text),
        }
    }

    fn push_list(&mut self, text: &str, depth: usize) -> Result<(), String> {
        check_depth(depth)?;
        self.json.push('[');
        for (index, element) in elements(text)?.iter().enumerate() {
            if index > 0 {
                self.json.push(',');
            }
            self.push(element.get(), depth + 1)?;
        }
        self.json.push(']');
        Ok(())
    }

    fn push_map(&mut self, text: &str, depth: usize) -> Result<(), String> {
        let properties = split(text)?;
        let Some((tag, content)) = tag_of(&properties) else {
            check_depth(depth)?;
            return self.push_object(&properties, depth + 1);
        };
        match tag {
            "n" => self.push_number_tag(content),
            "b" => {
                check_bytes(content)?;
                self.push_tag(tag, content);
                Ok(())
            }
            "ns" | "ss" | "bs" => self.push_set(tag, content),
            "m" => {
                check_depth(depth)?;
                self.tagged = true;
                self.json.push_str(r#"{"$ampt:m":"#);
                self.push_object(&split(content)?, depth + 1)?;
                self.json.push('}');
                Ok(())
            }
            _ => Err(format!("`{TAG}{tag}` is no known tag")),
        }
    }

    /// Appends an object; of properties with the same name the last one counts, as in JavaScript.
    fn push_object(&mut self, properties: &[(&str, &str)], depth: usize) -> Result<(), String> {
        let mut named: Vec<(String, &str)> = Vec::with_capacity(properties.len());
        for (name, value) in properties {
            named.push((canonical(name)?, value));
        }
        let mut last = std::collections::HashMap::with_capacity(named.len());
        for (index, (name, _)) in named.iter().enumerate() {
            last.insert(name.as_str(), index);
        }
        self.json.push('{');
        let start = self.json.len();
        for (index, (name, value)) in named.iter().enumerate() {
            if last.get(name.as_str()) != Some(&index) {
                continue;
            }
            if self.json.len() > start {
                self.json.push(',');
            }
            self.json.push_str(name);
            self.json.push(':');
            self.push(value, depth)?;
        }
        self.json.push('}');
        Ok(())
    }

    fn push_string(&mut self, text: &str) -> Result<(), String> {
        self.json.push_str(&canonical(text)?);
        Ok(())
    }

    /// Appends a number as it is written, if that is a number a JavaScript app would read.
    fn push_number(&mut self, text: &str) -> Result<(), String> {
        let number = check_number(text)?;
        let (shown, tagged) = number.to_json();
        let large = text.parse::<f64>().is_ok_and(|n| n.abs() > MAX_SAFE);
        if large {
            self.tagged |= tagged;
            self.json.push_str(&shown);
        } else if number == Decimal::ZERO {
            self.json.push('0');
        } else {
            self.json.push_str(text);
        }
        Ok(())
    }

    fn push_number_tag(&mut self, content: &str) -> Result<(), String> {
        check_number(&plain_string(content)?)?;
        self.push_tag("n", content);
        Ok(())
    }

    fn push_set(&mut self, tag: &str, content: &str) -> Result<(), String> {
        let members = elements(content)?;
        if members.is_empty() {
            return Err("a set is empty".into());
        }
        let mut list = String::from("[");
        for member in &members {
            let member = member.get();
            match tag {
                "ns" => drop(check_number(&plain_string(member)?)?),
                "bs" => check_bytes(member)?,
                _ => {}
            }
            if list.len() > 1 {
                list.push(',');
            }
            list.push_str(&canonical(member)?);
        }
        list.push(']');
        self.push_tag(tag, &list);
        Ok(())
    }

    fn push_tag(&mut self, tag: &str, content: &str) {
        self.tagged = true;
        self.json.push_str("{\"");
        self.json.push_str(TAG);
        self.json.push_str(tag);
        self.json.push_str("\":");
        self.json.push_str(content);
        self.json.push('}');
    }
}

/// A stored value's JSON text as an export writes it.
pub fn exported(json: &[u8], scalar: bool) -> std::borrow::Cow<'_, [u8]> {
    let looks_like_tag = !scalar
        && json
            .get(1..)
            .is_some_and(|rest| rest.starts_with(b"\"$ampt:"))
        && json::properties(json).is_ok_and(|properties| tag_of(&properties).is_some());
    if looks_like_tag {
        return [b"{\"$ampt:m\":", json, b"}"].concat().into();
    }
    json.into()
}

/// The tag that an object is, and its content.
fn tag_of<'a>(properties: &[(&'a str, &'a str)]) -> Option<(&'a str, &'a str)> {
    let [(name, content)] = properties else {
        return None;
    };
    let name = name.strip_prefix('"')?.strip_suffix('"')?;
    Some((name.strip_prefix(TAG)?, content))
}

fn check_depth(depth: usize) -> Result<(), String> {
    if depth < MAX_DEPTH {
        return Ok(());
    }
    Err(format!("it is nested more than {MAX_DEPTH} levels deep"))
}

fn check_number(text: &str) -> Result<Decimal, String> {
    let number = Decimal::parse(text).ok_or_else(|| format!("`{text}` is no number"))?;
    number
        .check()
        .map_err(|error| format!("`{text}`: {error}"))?;
    let shown = number.to_string();
    if shown.contains('.') && shown.parse::<f64>().is_ok_and(|n| n.abs() > MAX_SAFE) {
        return Err(format!(
            "`{text}` can be read neither as a number nor as a BigInt"
        ));
    }
    Ok(number)
}

fn check_bytes(quoted: &str) -> Result<(), String> {
    use base64::Engine as _;
    let text = plain_string(quoted)?;
    match base64::engine::general_purpose::STANDARD.decode(text) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("bytes are not base64: {error}")),
    }
}

/// The content of a JSON string.
fn plain_string(quoted: &str) -> Result<String, String> {
    serde_json::from_str(quoted).map_err(|_| format!("`{quoted}` is not a string"))
}

/// A JSON string as `JSON.stringify` writes it.
fn canonical(quoted: &str) -> Result<String, String> {
    if !quoted.starts_with('"') {
        return Err(format!("`{quoted}` is not a string"));
    }
    if !quoted.contains('\\') {
        return Ok(quoted.to_owned());
    }
    match serde_json::from_str::<String>(quoted) {
        Ok(text) => serde_json::to_string(&text).map_err(|error| error.to_string()),
        // A lone surrogate has no other form than its escape.
        Err(_) => Ok(quoted.to_owned()),
    }
}

fn split(text: &str) -> Result<Vec<(&str, &str)>, String> {
    json::properties(text.as_bytes()).map_err(|_| "an object is expected".to_owned())
}

fn elements(text: &str) -> Result<Vec<&RawValue>, String> {
    json::elements(text.as_bytes()).map_err(|_| "a list is expected".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<String, String> {
        Literal::parse(text).map(|literal| {
            let mark = |on: bool, mark: char| if on { mark } else { '-' };
            let flags = [mark(literal.tagged, 't'), mark(literal.scalar, 's')];
            format!("{} {}", flags.iter().collect::<String>(), literal.json)
        })
    }

    #[test]
    fn values_become_compact_and_canonical() {
        let ok = |text: &str| parsed(text).expect("a good value");
        assert_eq!(
            ok(" { \"a\" : [ 1 , \"x\\u0041\" ] , \"b\":null } "),
            r#"-- {"a":[1,"xA"],"b":null}"#
        );
        assert_eq!(ok("-0.0"), "-s 0");
        assert_eq!(ok("1.50"), "-s 1.50");
        assert_eq!(ok(r#"{"a":1,"\u0061":2}"#), r#"-- {"a":2}"#);
        assert_eq!(
            ok("12345678901234567890"),
            r#"ts {"$ampt:n":"12345678901234567890"}"#
        );
        assert_eq!(
            ok(r#"{"x":{"$ampt:n":"1e30"}}"#),
            r#"t- {"x":{"$ampt:n":"1e30"}}"#
        );
        assert_eq!(ok(r#"{"$ampt:m":{"$ampt:n":1}}"#), r#"-- {"$ampt:n":1}"#);
        assert_eq!(
            ok(r#"{"x":{"$ampt:ss":["a","b"]}}"#),
            r#"t- {"x":{"$ampt:ss":["a","b"]}}"#
        );
    }

    #[test]
    fn what_the_package_would_refuse_is_refused() {
        for bad in [
            "1e-131",
            "1e126",
            "9007199254740992.5",
            r#"{"$ampt:b":"AA=="}"#,
            r#"{"x":{"$ampt:b":"?"}}"#,
            r#"{"x":{"$ampt:ns":[]}}"#,
            r#"{"x":{"$ampt:ns":["a"]}}"#,
            r#"{"x":{"$ampt:zz":1}}"#,
        ] {
            assert!(Literal::parse(bad).is_err(), "{bad}");
        }
        let deep = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        assert!(Literal::parse(&deep(31)).is_ok());
        assert!(Literal::parse(&deep(32)).is_err());
        assert!(Literal::parse(&deep(100_000)).is_err());
    }

    #[test]
    fn an_export_is_read_back_as_it_was() {
        for (json, scalar) in [
            (r#"{"a":{"$ampt:n":"12345678901234567890"}}"#, false),
            (r#"{"$ampt:n":"5"}"#, false),
            (r#"{"$ampt:n":"12345678901234567890"}"#, true),
            (r#"{"x":{"$ampt:m":{"$ampt:b":{"$ampt:b":"AA=="}}}}"#, false),
            ("\"\\ud800\"", true),
        ] {
            let text = exported(json.as_bytes(), scalar);
            let back = Literal::parse(std::str::from_utf8(&text).expect("text")).expect("good");
            assert_eq!((back.json.as_str(), back.scalar), (json, scalar));
        }
    }
}
