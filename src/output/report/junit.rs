//! JUnit's XML, as continuous integration servers read it.

use super::super::Paint;
use super::{Run, place, plain, title};
use crate::script::outcome::{Outcome, Verdict};

/// The run as an XML document.
pub fn document(run: &Run<'_>) -> String {
    let totals = run.totals();
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let counts = format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{:.3}\"",
        run.outcomes.len(),
        totals.failed,
        totals.bad,
        totals.skipped,
        run.took.as_secs_f64()
    );
    xml.push_str(&format!("<testsuites name=\"ampt-ws\" {counts}>\n"));
    xml.push_str(&format!("  <testsuite name=\"ampt-ws\" {counts}>\n"));
    for outcome in run.outcomes {
        push_case(&mut xml, outcome);
    }
    xml.push_str("  </testsuite>\n</testsuites>\n");
    xml
}

fn push_case(xml: &mut String, outcome: &Outcome) {
    let file = escaped(&outcome.file.display().to_string());
    xml.push_str(&format!(
        "    <testcase name=\"{}\" classname=\"{file}\" file=\"{file}\" time=\"{:.3}\"",
        escaped(&title(outcome)),
        outcome.took.as_secs_f64()
    ));
    let (element, message, text) = match &outcome.verdict {
        Verdict::Passed => return xml.push_str("/>\n"),
        Verdict::Skipped => return xml.push_str("><skipped/></testcase>\n"),
        Verdict::Failed(failure) => {
            let place = place(&outcome.file, failure.line);
            let message = format!("{place}: {}", failure.message);
            ("failure", message, plain(outcome, failure))
        }
        Verdict::Bad(problems) => {
            let plain = Paint::new(false);
            let text = problems
                .iter()
                .map(|p| super::human::problem(plain, p))
                .collect();
            let message = problems.first().map(|p| p.message.clone());
            ("error", message.unwrap_or_default(), text)
        }
    };
    xml.push_str(&format!(
        ">\n      <{element} message=\"{}\">{}</{element}>\n    </testcase>\n",
        escaped(&message),
        escaped(&text)
    ));
}

/// Text that may stand in an attribute or element. XML 1.0 has no way to write most controls.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_cannot_hold_is_replaced() {
        assert_eq!(
            escaped("a<b>&\"\u{1b}\n"),
            "a&lt;b&gt;&amp;&quot;\u{fffd}\n"
        );
    }
}
