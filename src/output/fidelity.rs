//! The table of how true to the cloud the sandbox is: for people, as Markdown, as JSON.

use serde_json::json;

use super::Output;
use super::paint::Paint;
use super::wrap::{width, wrap};
use crate::domain::fidelity::{Certainty, RULES, Rule};
use crate::error::Failure;

/// Column in which the rules' texts begin.
const INDENT: usize = 24;

/// Prints the table, for people or as JSON.
pub fn print(out: &Output) -> Result<(), Failure> {
    if out.is_json() {
        let legend: serde_json::Map<_, _> = Certainty::LEGEND
            .iter()
            .map(|(certainty, means)| (certainty.word().to_owned(), json!(means)))
            .collect();
        let rules: Vec<_> = RULES.iter().map(as_json).collect();
        return out.document(&json!({ "certainty": legend, "rules": rules }));
    }
    out.text(&for_people(out.paint(), width()))
}

/// Prints the table as Markdown, as the README has it.
pub fn print_markdown(out: &Output) -> Result<(), Failure> {
    out.text(&markdown())
}

fn as_json(rule: &Rule) -> serde_json::Value {
    let switches: Vec<&str> = rule.switch.split(", ").filter(|s| !s.is_empty()).collect();
    json!({
        "area": rule.area, "rule": rule.rule, "does": rule.does,
        "certainty": rule.certainty.word(), "switches": switches,
    })
}

fn for_people(paint: Paint, width: usize) -> String {
    let mut text = String::new();
    for area in RULES.chunk_by(|a, b| a.area == b.area) {
        text.push_str(&format!("{}\n", paint.strong(area[0].area)));
        for rule in area {
            let name = format!("{:<1$}", rule.rule, INDENT - 4);
            let lines = wrap(rule.does, width - INDENT);
            let mut lines = lines.iter();
            let first = lines.next().map_or("", String::as_str);
            text.push_str(&format!("  {}  {first}\n", paint.literal(&name)));
            for line in lines {
                text.push_str(&format!("{:INDENT$}{line}\n", ""));
            }
            let mut note = rule.certainty.word().to_owned();
            if !rule.switch.is_empty() {
                note = format!("{note}; {}", rule.switch);
            }
            let note = match rule.certainty {
                Certainty::Guess | Certainty::Differs => paint.warn(&note),
                _ => paint.dim(&note),
            };
            text.push_str(&format!("{:INDENT$}{note}\n", ""));
        }
        text.push('\n');
    }
    for (certainty, means) in Certainty::LEGEND {
        text.push_str(
            &paint
                .dim(&format!("{}: {means}", certainty.word()))
                .to_string(),
        );
        text.push('\n');
    }
    text
}

fn markdown() -> String {
    let mut text =
        String::from("| Rule | What the sandbox does | How sure | Switch |\n|---|---|---|---|\n");
    for area in RULES.chunk_by(|a, b| a.area == b.area) {
        text.push_str(&format!("| **{}** | | | |\n", area[0].area));
        for rule in area {
            let switches: Vec<String> = rule
                .switch
                .split(", ")
                .filter(|switch| !switch.is_empty())
                .map(|switch| format!("`{switch}`"))
                .collect();
            text.push_str(&format!(
                "| {} | {} | {} | {} |\n",
                rule.rule,
                rule.does.replace('|', "\\|"),
                rule.certainty.word(),
                switches.join(", ")
            ));
        }
    }
    let legend: Vec<String> = Certainty::LEGEND
        .iter()
        .map(|(certainty, means)| format!("*{}*: {means}", certainty.word()))
        .collect();
    text.push_str(&format!("\n{}.\n", legend.join("; ")));
    text
}

#[cfg(test)]
mod tests {
    use super::super::wrap::{LONGEST, SHORTEST};
    use super::*;

    #[test]
    fn no_line_is_longer_than_the_terminal_is_wide() {
        for width in [SHORTEST, 80, LONGEST] {
            let text = for_people(Paint::new(false), width);
            // A list of switches is one word for who copies it.
            let long = text.lines().find(|line| {
                line.chars().count() > width && !line.contains("; --") && !line.contains(": ")
            });
            assert_eq!(long, None);
        }
    }
}
