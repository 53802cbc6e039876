//! For people at a terminal.

use super::super::{Paint, paint_payload, visible};
use super::{Run, again, place, title};
use crate::domain::spell_duration as spell;
use crate::script::matching::diff::{Line, Mark};
use crate::script::outcome::{Outcome, StepFailure, Verdict};
use crate::script::problem::Problem;
use crate::script::story::{Entry, Section};
use crate::script::update::Change;

/// Longest line of an event.
const WIDTH: usize = 160;

/// Lines of a step that are shown.
const STEP_LINES: usize = 12;

/// One ended fixture: a line if it passed, all there is to know if not.
pub fn ended(paint: Paint, outcome: &Outcome) -> String {
    let name = visible(&title(outcome)).into_owned();
    let file = outcome.file.display().to_string();
    let took = spell(outcome.took);
    let updates = outcome.updated.iter();
    let updates: String = updates.map(|change| updated(paint, change)).collect();
    let text = match &outcome.verdict {
        Verdict::Passed => {
            let mut text = format!(
                "{} {name}  {}\n",
                paint.good("pass"),
                paint.dim(&format!("{file}  {took}"))
            );
            for note in &outcome.notes {
                text.push_str(&format!("     {} {}\n", paint.warn("note:"), visible(note)));
            }
            text
        }
        Verdict::Failed(failure) => format!(
            "{} {}  {}\n{}\n",
            paint.bad("FAIL"),
            paint.strong(&name),
            paint.dim(&took),
            self::failure(paint, outcome, failure)
        ),
        Verdict::Bad(problems) => problems.iter().map(|p| problem(paint, p)).collect(),
        Verdict::Skipped => {
            let skip = paint.dim("skip");
            format!("{skip} {name}  {}\n", paint.dim(&file))
        }
    };
    text + &updates
}

/// An expectation that was rewritten.
fn updated(paint: Paint, change: &Change) -> String {
    let place = place(&change.file, change.line);
    let mut text = format!("     {} {}\n", paint.warn("updated"), paint.literal(&place));
    let indent = |text: &str| text.len() - text.trim_start().len();
    let least = change.diff.iter().map(|line| indent(&line.text)).min();
    for line in &change.diff {
        let shown = line.text.get(least.unwrap_or(0)..).unwrap_or_default();
        let line = match line.mark {
            Mark::Extra => paint.good(&format!("+ {}", visible(shown))),
            _ => paint.bad(&format!("- {}", visible(shown))),
        };
        text.push_str(&format!("       {line}\n"));
    }
    text
}

/// A mistake in a fixture's file.
pub fn problem(paint: Paint, problem: &Problem) -> String {
    let place = match (problem.line, problem.column) {
        (_, 0) => place(&problem.file, problem.line),
        (line, column) => format!("{}:{column}", place(&problem.file, line)),
    };
    let step = problem.step.as_ref().map(|step| format!("  {step}"));
    let step = step.unwrap_or_default();
    let mut text = format!(
        "{} {}{}\n",
        paint.bad("BAD "),
        paint.literal(&place),
        paint.dim(&step)
    );
    if let Some(line) = &problem.text {
        text.push_str(&format!(
            "     {}\n",
            paint.dim(&visible(&excerpt(line.trim_end(), problem.column.max(1))))
        ));
    }
    text.push_str(&format!("     {}\n", visible(&problem.message)));
    for line in problem.hint.iter().flat_map(|hint| hint.lines()) {
        text.push_str(&format!(
            "     {} {}\n",
            paint.strong("hint:"),
            visible(line)
        ));
    }
    text
}

/// What there is to know about a failure.
pub fn failure(paint: Paint, outcome: &Outcome, failure: &StepFailure) -> String {
    let mut text = format!(
        "  {}  {}\n",
        paint.literal(&place(&outcome.file, failure.line)),
        paint.dim(&failure.step)
    );
    let lines: Vec<&str> = failure.text.lines().collect();
    for line in dedented(&lines).into_iter().take(STEP_LINES) {
        text.push_str(&format!("    {}\n", paint.dim(&visible(&excerpt(line, 0)))));
    }
    if lines.len() > STEP_LINES {
        text.push_str(&format!("    {}\n", paint.dim("…")));
    }
    for line in failure.message.lines() {
        text.push_str(&format!("  {}\n", paint.strong(&visible(line))));
    }
    push_diff(&mut text, paint, &failure.diff);
    for line in failure.hint.iter().flat_map(|hint| hint.lines()) {
        text.push_str(&format!("  {} {}\n", paint.strong("hint:"), visible(line)));
    }
    if !failure.story.is_empty() {
        text.push_str(&format!(
            "  the last events{}\n",
            paint.dim(" (→ sent by the client, ← come to it)")
        ));
    }
    for section in &failure.story {
        push_section(&mut text, paint, section);
    }
    text.push_str(&format!("  again: {}\n", paint.literal(&again(outcome))));
    if outcome.seed.is_some() {
        let note = "the seed brings the same disorder; what the app makes of it also depends on how busy the machine is, so run it a few times";
        text.push_str(&format!("  {}\n", paint.dim(note)));
    }
    text
}

/// A line without the blanks around it; of a long one, what stands about a column, from 1.
fn excerpt(line: &str, column: usize) -> String {
    let count = line.chars().count();
    if count <= WIDTH {
        return match column {
            0 => line.to_owned(),
            _ => line.trim().to_owned(),
        };
    }
    let start = column.saturating_sub(WIDTH / 2).min(count - WIDTH);
    let shown: String = line.chars().skip(start).take(WIDTH).collect();
    let (before, after) = (start > 0, start + WIDTH < count);
    let mark = |is_cut: bool| if is_cut { "…" } else { "" };
    format!("{}{}{}", mark(before), shown.trim(), mark(after))
}

/// The lines of a step without the indentation that they have in the file. The first line has
/// none, since the step begins in it.
fn dedented<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let indent = |line: &&str| line.len() - line.trim_start().len();
    let later = lines.iter().skip(1).filter(|line| !line.trim().is_empty());
    let least = later.map(indent).min().unwrap_or_default();
    let cut = |(i, line): (usize, &&'a str)| match i {
        0 => *line,
        _ => line.get(least..).unwrap_or_default(),
    };
    lines.iter().enumerate().map(cut).collect()
}

fn push_diff(text: &mut String, paint: Paint, diff: &[Line]) {
    if diff.is_empty() {
        return;
    }
    let has = |mark| diff.iter().any(|line| line.mark == mark);
    let legend = match (has(Mark::Missing), has(Mark::Extra)) {
        (true, true) => "- expected, + came",
        (true, false) => "- expected",
        _ => "+ came",
    };
    text.push_str(&format!("    {}\n", paint.dim(legend)));
    for line in diff {
        let shown = visible(&line.text);
        let line = match line.mark {
            Mark::Same => format!("    {}", paint.dim(&format!("  {shown}"))),
            Mark::Missing => format!("    {}", paint.good(&format!("- {shown}"))),
            Mark::Extra => format!("    {}", paint.bad(&format!("+ {shown}"))),
        };
        text.push_str(&line);
        text.push('\n');
    }
}

fn push_section(text: &mut String, paint: Paint, section: &Section) {
    let earlier = match section.earlier {
        0 => String::new(),
        n => format!("  ({n} earlier)"),
    };
    let title = visible(&section.title).into_owned();
    text.push_str(&format!(
        "    {}{}\n",
        paint.strong(&title),
        paint.dim(&earlier)
    ));
    for entry in &section.entries {
        push_entry(text, paint, entry);
    }
}

fn push_entry(text: &mut String, paint: Paint, entry: &Entry) {
    let after = format!("{:>7.3}s", entry.after.as_secs_f64());
    let shown: String = match entry.text.chars().nth(WIDTH) {
        Some(_) => entry.text.chars().take(WIDTH).chain(['…']).collect(),
        None => entry.text.clone(),
    };
    let shown = match (entry.bad, shown.split_once(' ')) {
        (true, _) => paint.bad(&visible(&shown)).to_string(),
        (false, Some((arrow @ ("→" | "←"), data))) => {
            format!("{arrow} {}", paint_payload(paint, data))
        }
        _ => visible(&shown).into_owned(),
    };
    text.push_str(&format!("      {} {shown}\n", paint.dim(&after)));
    for line in &entry.more {
        text.push_str(&format!("               {}\n", paint.dim(&visible(line))));
    }
}

/// The last lines of a run.
pub fn summary(paint: Paint, run: &Run<'_>) -> String {
    let totals = run.totals();
    let mut parts = Vec::new();
    if totals.failed > 0 {
        parts.push(paint.bad(&format!("{} failed", totals.failed)).to_string());
    }
    if totals.bad > 0 {
        let s = if totals.bad == 1 { "" } else { "s" };
        parts.push(
            paint
                .bad(&format!("{} bad fixture{s}", totals.bad))
                .to_string(),
        );
    }
    if totals.skipped > 0 {
        parts.push(format!("{} skipped", totals.skipped));
    }
    if totals.passed > 0 || parts.is_empty() {
        parts.push(paint.good(&format!("{} passed", totals.passed)).to_string());
    }
    let mut text = String::new();
    let failed = run
        .outcomes
        .iter()
        .filter_map(|outcome| match &outcome.verdict {
            Verdict::Failed(failure) => Some((outcome, failure)),
            _ => None,
        });
    // Where there was one failure, it still stands on the screen.
    if run.outcomes.len() > 1 && totals.failed > 0 {
        for (outcome, failure) in failed {
            let place = place(&outcome.file, failure.line);
            text.push_str(&format!(
                "{} {}  {}\n",
                paint.bad("FAIL"),
                visible(&title(outcome)),
                paint.literal(&place)
            ));
        }
    }
    text.push_str(&format!("{} in {}\n", parts.join(", "), spell(run.took)));
    text
}
