//! Changes of items, as `data watch` tells them.

use serde_json::Value;

use super::escape::visible;
use super::json::document;
use super::paint::Paint;
use super::payload::{push_json, shorten};
use super::style::{Style, Verbosity};
use super::time::LocalTime;

/// Most characters of a value that a terminal's line shows, unless `-v` asks for all.
const SHOWN: usize = 200;

/// Renders changes in the style that was asked for; for people, as the lines of the log look.
pub struct ChangeLines {
    style: Style,
    paint: Paint,
    time: LocalTime,
}

impl ChangeLines {
    /// A renderer of the given style.
    pub fn new(style: Style) -> Self {
        Self {
            style,
            paint: style.paint(),
            time: LocalTime::system(),
        }
    }

    /// A change's line, with its end.
    pub fn line(&self, change: &Value) -> String {
        if self.style.json {
            return format!("{}\n", document(change));
        }
        if let Some(missed) = change.get("missed") {
            let word = self.paint.warn("warning:");
            return format!("{word} {missed} changes are not shown\n");
        }
        let text = |name: &str| visible(change[name].as_str().unwrap_or_default()).into_owned();
        let at: Option<jiff::Timestamp> = text("at").parse().ok();
        let time = at.map_or_else(String::new, |at| self.time.clock(at.as_millisecond()));
        let start = self.paint.dim(&format!("{time} data    ")).to_string();
        let what = text("change");
        let what = match &*what {
            "created" => self.paint.good(&what),
            "deleted" => self.paint.warn(&what),
            _ => self.paint.dim(&what),
        };
        let key = self.paint.strong(&text("key")).to_string();
        let value = change.get("value").map(|value| self.value(value));
        let line = format!("{start} {what} {key} {}", value.unwrap_or_default());
        format!("{}\n", line.trim_end())
    }

    fn value(&self, value: &Value) -> String {
        let json = value.to_string();
        let is_short = self.style.columns.is_some() && self.style.verbosity != Verbosity::Verbose;
        let (shown, is_cut) = shorten(&json, if is_short { SHOWN } else { usize::MAX });
        let mut out = String::new();
        push_json(&mut out, self.paint, shown);
        if is_cut {
            out.push_str(&self.paint.dim("…").to_string());
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lines(style: Style) -> ChangeLines {
        ChangeLines {
            time: LocalTime::utc(),
            ..ChangeLines::new(style)
        }
    }

    #[test]
    fn a_change_is_one_line() {
        let lines = lines(Style::default());
        let change = json!({
            "at": "2024-01-01T10:00:00.001Z", "change": "updated", "key": "k\n", "value": {"a": 1},
        });
        assert_eq!(
            lines.line(&change),
            "10:00:00.001 data     updated k\\n {\"a\":1}\n"
        );
        let change = json!({"at": "2024-01-01T10:00:00.001Z", "change": "deleted", "key": "k"});
        assert_eq!(lines.line(&change), "10:00:00.001 data     deleted k\n");
        let missed = lines.line(&json!({"missed": 7}));
        assert_eq!(missed, "warning: 7 changes are not shown\n");
    }

    #[test]
    fn a_long_value_is_cut_only_for_a_terminal() {
        let change = json!({"change": "created", "key": "k", "value": "x".repeat(1000)});
        let length = |columns| {
            let style = Style {
                columns,
                ..Style::default()
            };
            lines(style).line(&change).len()
        };
        assert!(length(None) > 1000);
        assert!(length(Some(80)) < 300);
    }
}
