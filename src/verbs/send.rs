//! `send`: a message to connections.

use std::io::{self, Read};

use super::{Context, Face, typed};
use crate::cli::SendArgs;
use crate::domain::Selector;
use crate::error::{Failure, exit, reason};
use crate::ops::{Request, Sent};
use crate::output::answers;

pub(super) async fn send(context: &Context<'_>, args: SendArgs) -> Result<u8, Failure> {
    let (selector, data) = whom_and_what(args)?;
    let data = match (data.as_str(), context.face) {
        ("-", Face::Remote | Face::Store) => read_message(io::stdin().lock())?,
        _ => data,
    };
    let request = Request::Send { selector, data };
    let answer = context.sandbox.perform(request).await?;
    let sent: Sent = typed(answer.clone())?;
    match context.out.is_json() {
        true => context.out.document(&answer)?,
        false => context
            .out
            .text(&answers::sent(context.out.paint(), &sent))?,
    }
    let all_sent = sent.failed.is_empty();
    Ok(if all_sent { exit::OK } else { exit::FAILED })
}

/// Sorts out the arguments: with `--all` or `--where`, the first is the message.
pub(super) fn whom_and_what(args: SendArgs) -> Result<(Selector, String), Failure> {
    let chosen = if args.all {
        Some(Selector::All)
    } else {
        args.filter
    };
    let (selector, data, more) = match chosen {
        Some(selector) => (selector, args.first, args.second),
        None => {
            let id = args.first.ok_or_else(no_selector)?;
            (super::by_id(id)?, args.second, args.more.into_iter().next())
        }
    };
    let data = data.ok_or_else(|| no_data(&selector))?;
    if let Some(more) = more {
        return Err(Failure::usage(format!("`{more}` is one word too many"))
            .hint("quote a message that has spaces: send ab 'hello there'"));
    }
    Ok((selector, data))
}

fn no_selector() -> Failure {
    Failure::usage("to whom?").hint(
        "name a connection id or the beginning of one, or use --all or --where key=value;\n\
         `list` shows the connections",
    )
}

fn no_data(selector: &Selector) -> Failure {
    let example = match selector {
        Selector::Id(id) => format!("send {id} '{{\"hello\": \"world\"}}'"),
        Selector::All => "send --all '{\"hello\": \"world\"}'".to_owned(),
        Selector::Where { key, value } => format!("send --where {key}={value} hello"),
    };
    Failure::usage("there is no message to send").hint(format!(
        "for example: {example}\n`-` reads the message from standard input"
    ))
}

/// Standard input to its end. One line end at the end belongs to the terminal or to `echo`.
fn read_message(mut input: impl Read) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes).map_err(|e| {
        Failure::new(
            "input",
            format!("cannot read standard input: {}", reason(&e)),
        )
    })?;
    let mut text = String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        Failure::new("input", format!("standard input is not UTF-8 at byte {at}"))
            .hint("a WebSocket text message must be UTF-8")
    })?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(first: Option<&str>, second: Option<&str>) -> SendArgs {
        SendArgs {
            first: first.map(str::to_owned),
            second: second.map(str::to_owned),
            ..SendArgs::default()
        }
    }

    #[test]
    fn with_all_the_first_argument_is_the_message() {
        let all = SendArgs {
            all: true,
            ..args(Some("hi"), None)
        };
        assert_eq!(whom_and_what(all), Ok((Selector::All, "hi".into())));
        let one = args(Some("ab"), Some("hi"));
        assert_eq!(
            whom_and_what(one),
            Ok((Selector::Id("ab".into()), "hi".into()))
        );
    }

    #[test]
    fn what_is_missing_or_too_much_is_explained() {
        let error = whom_and_what(args(Some("ab"), None)).unwrap_err();
        assert_eq!(error.exit, exit::USAGE);
        assert!(error.hint.unwrap().contains("send ab"));
        assert_eq!(
            whom_and_what(args(None, None)).unwrap_err().message,
            "to whom?"
        );
        let all = SendArgs {
            all: true,
            ..args(Some("hi"), Some("there"))
        };
        assert!(whom_and_what(all).unwrap_err().message.contains("`there`"));
    }

    #[test]
    fn standard_input_is_taken_whole_but_for_its_last_line_end() {
        assert_eq!(read_message(&b"a\nb\r\n"[..]), Ok("a\nb".into()));
        assert_eq!(read_message(&b"a\n\n"[..]), Ok("a\n".into()));
        assert_eq!(read_message(&b""[..]), Ok(String::new()));
        let error = read_message(&b"ok\xff"[..]).unwrap_err();
        assert!(error.message.contains("byte 2"), "{error}");
    }
}
