//! How true to the cloud the sandbox is: each rule, how sure we are of it, and the way round it.
//!
//! The one source of `ampt-ws help fidelity` and of the table in the README.

use serde::Serialize;

/// How sure we are that the cloud does the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// Documented, or seen in the published packages.
    Certain,
    /// Several independent captures of the real service show it.
    Captured,
    /// There are signs of it.
    Likely,
    /// Nothing is known; this seemed the most useful.
    Guess,
    /// More than the cloud promises.
    Promise,
    /// The cloud does otherwise, and here that would do harm.
    Differs,
}

impl Certainty {
    /// The word for it in tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Certain => "certain",
            Self::Captured => "captured",
            Self::Likely => "likely",
            Self::Guess => "a guess",
            Self::Promise => "our promise",
            Self::Differs => "differs",
        }
    }

    /// All of them, and what they mean.
    pub const LEGEND: &[(Self, &str)] = &[
        (
            Self::Certain,
            "documented, or seen in the published packages",
        ),
        (
            Self::Captured,
            "several independent captures of the real service show it",
        ),
        (Self::Likely, "there are signs of it"),
        (Self::Guess, "nothing is known; this seemed the most useful"),
        (Self::Promise, "more than the cloud promises"),
        (
            Self::Differs,
            "the cloud does otherwise, on purpose not so here",
        ),
    ];
}

/// One rule.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Rule {
    /// What it is about.
    pub area: &'static str,
    /// Its name.
    pub rule: &'static str,
    /// What the sandbox does.
    pub does: &'static str,
    /// How sure we are of it.
    pub certainty: Certainty,
    /// The options of `dev` that change it; empty if there is none.
    pub switch: &'static str,
}

/// All rules, area by area.
pub const RULES: &[Rule] = &[
    Rule {
        area: "Connections",
        rule: "handshake",
        does: "The handshake is done before `connected` is dispatched, so that its handler can send.",
        certainty: Certainty::Certain,
        switch: "",
    },
    Rule {
        area: "Connections",
        rule: "refusals",
        does: "Only refusals come before 101: 400 malformed, 403 paused, 429 throttled, 426 without an upgrade where the app serves no HTTP.",
        certainty: Certainty::Likely,
        switch: "",
    },
    Rule {
        area: "Connections",
        rule: "order",
        does: "`connected` is dispatched first, messages in the order in which they came, `disconnected` last; handlers run side by side.",
        certainty: Certainty::Captured,
        switch: "",
    },
    Rule {
        area: "Connections",
        rule: "one-disconnected",
        does: "Each `connected` gets exactly one `disconnected`, also after a crash of the app, a stop of the sandbox, and (at its next start) `kill -9`. What dies while the handler runs cuts it off, which is reported, and it is not run again; after a `kill -9` it is, if it had not written or published anything yet.",
        certainty: Certainty::Promise,
        switch: "",
    },
    Rule {
        area: "Connections",
        rule: "connection-id",
        does: "An id is 11 random bytes in base64url: 16 characters, the last one `=`; no id is given twice.",
        certainty: Certainty::Captured,
        switch: "",
    },
    Rule {
        area: "Connections",
        rule: "meta",
        does: "`meta.connectedAt` is in milliseconds; of a repeated query parameter the last counts.",
        certainty: Certainty::Likely,
        switch: "",
    },
    Rule {
        area: "Connections",
        rule: "header-names",
        does: "In `meta.headers` names stand as clients commonly write them, `User-Agent`, whatever their case was.",
        certainty: Certainty::Guess,
        switch: "",
    },
    Rule {
        area: "Connections",
        rule: "idle-timeout",
        does: "A connection without a message in either direction for 10 minutes is closed with 1001 `Going away`.",
        certainty: Certainty::Captured,
        switch: "--idle-timeout",
    },
    Rule {
        area: "Connections",
        rule: "ping-idle",
        does: "A WebSocket ping is answered, but does not begin the idle time anew.",
        certainty: Certainty::Guess,
        switch: "--ping-resets-idle",
    },
    Rule {
        area: "Connections",
        rule: "lifetime",
        does: "A connection is closed with 1001 `Going away` after 2 hours.",
        certainty: Certainty::Likely,
        switch: "--max-duration",
    },
    Rule {
        area: "Connections",
        rule: "sizes",
        does: "More than 32 KB in a frame or 128 KB in a message closes with 1009.",
        certainty: Certainty::Certain,
        switch: "--max-frame, --max-message",
    },
    Rule {
        area: "Connections",
        rule: "binary",
        does: "A binary message closes with 1003. Allowed, its bytes reach the handler in base64, and what is posted to the management API with `X-Ampt-Ws-Message: binary` goes out as one.",
        certainty: Certainty::Certain,
        switch: "--binary allow",
    },
    Rule {
        area: "Connections",
        rule: "server-close",
        does: "After `ws.close` the client sees 1000 `Connection Closed Normally`, and so does `disconnected`.",
        certainty: Certainty::Captured,
        switch: "",
    },
    Rule {
        area: "Connections",
        rule: "client-close",
        does: "`disconnected` gets the reason of the client's close frame; without a code it is `Client-side close frame status not set`.",
        certainty: Certainty::Captured,
        switch: "",
    },
    Rule {
        area: "Connections",
        rule: "vanished",
        does: "When a client's TCP connection ends without a close frame, `disconnected` comes at once, with `Connection lost without a close frame`; the log has code 1006. A client that only falls silent stays connected until the idle timeout.",
        certainty: Certainty::Guess,
        switch: "",
    },
    Rule {
        area: "Connections",
        rule: "broken-frames",
        does: "What RFC 6455 forbids closes with 1002, a text that is not UTF-8 with 1007.",
        certainty: Certainty::Likely,
        switch: "",
    },
    Rule {
        area: "Connections",
        rule: "subprotocol",
        does: "No subprotocol is negotiated unless it is configured.",
        certainty: Certainty::Likely,
        switch: "--subprotocol",
    },
    Rule {
        area: "Connections",
        rule: "extensions",
        does: "No extension is negotiated: messages are not compressed.",
        certainty: Certainty::Likely,
        switch: "",
    },
    Rule {
        area: "Handlers",
        rule: "last-registration",
        does: "The last `ws.on` of an event wins.",
        certainty: Certainty::Certain,
        switch: "",
    },
    Rule {
        area: "Handlers",
        rule: "data",
        does: "A text that is JSON arrives parsed, any other as it is, an empty one as `undefined`; `ping` is answered with `pong` by the SDK.",
        certainty: Certainty::Certain,
        switch: "",
    },
    Rule {
        area: "Handlers",
        rule: "timeout",
        does: "A handler may take 5 seconds, or the `timeout` of its registration up to 60; past it the invocation has failed.",
        certainty: Certainty::Certain,
        switch: "",
    },
    Rule {
        area: "Handlers",
        rule: "handler-error",
        does: "A handler that fails is logged; its client gets `{\"message\": \"Internal server error\", …}` and stays connected.",
        certainty: Certainty::Guess,
        switch: "--no-error-frames",
    },
    Rule {
        area: "Handlers",
        rule: "gone-connection",
        does: "`ws.send` to a connection that is gone throws `InvalidConnectionError`, unless told `throwIfNotConnected: false`; `ws.isConnected` is false for it.",
        certainty: Certainty::Certain,
        switch: "",
    },
    Rule {
        area: "Handlers",
        rule: "send-resolves",
        does: "`ws.send` resolves when the text is on its way, not when the client has it. `process.exit`, an exception and `process.abort` wait for what was sent; a process that is killed from outside or runs out of memory may take the last of it along.",
        certainty: Certainty::Differs,
        switch: "",
    },
    Rule {
        area: "Handlers",
        rule: "closing-twice",
        does: "`ws.close` of a connection that is closed already rejects with `WebSocketError`.",
        certainty: Certainty::Certain,
        switch: "",
    },
    Rule {
        area: "Handlers",
        rule: "work-after-return",
        does: "Work that a handler leaves unfinished is done, with a warning that names its place (for the calls of an installed SDK it names the call only); the cloud freezes the app then, and loses it now and then.",
        certainty: Certainty::Differs,
        switch: "--strict",
    },
    Rule {
        area: "Handlers",
        rule: "sdk",
        does: "The app gets the `@ampt/sdk` inside the program, or its own. Of its own, requests to AWS are answered inside the process and never leave it. `task`, `schedule` and `storage` are refused with `NotAvailableError`.",
        certainty: Certainty::Differs,
        switch: "--sdk installed",
    },
    Rule {
        area: "Handlers",
        rule: "reload",
        does: "A reload, a crash or an endless loop of the app closes no connection; events wait and go to the new code in order.",
        certainty: Certainty::Promise,
        switch: "",
    },
    Rule {
        area: "Limits",
        rule: "rate",
        does: "One token bucket for the sandbox: connection attempts and messages take a token each. Rate and burst are those of the environment: sandbox 10 and 10, preview 100 and 50, stage 10,000 and 5,000.",
        certainty: Certainty::Likely,
        switch: "--env, --rate, --burst, --no-limits",
    },
    Rule {
        area: "Limits",
        rule: "throttled-handshake",
        does: "Without a token a connection attempt gets 429.",
        certainty: Certainty::Likely,
        switch: "--no-limits",
    },
    Rule {
        area: "Limits",
        rule: "throttled-message",
        does: "Without a token a message is kept from the handler; its client gets `{\"message\": \"Too Many Requests\", …}` and stays connected.",
        certainty: Certainty::Guess,
        switch: "--no-error-frames, --no-limits",
    },
    Rule {
        area: "Limits",
        rule: "concurrency",
        does: "At most as many invocations as the burst run at once; the next ones wait.",
        certainty: Certainty::Likely,
        switch: "--burst, --no-limits",
    },
    Rule {
        area: "Limits",
        rule: "outgoing",
        does: "What the app sends is not limited.",
        certainty: Certainty::Likely,
        switch: "",
    },
    Rule {
        area: "Limits",
        rule: "slow-client",
        does: "While more than 1 MB waits for a client that does not read, `ws.send` to it rejects with `WebSocketError`; with more than 16 MB it is closed with 1008.",
        certainty: Certainty::Guess,
        switch: "",
    },
    Rule {
        area: "Management API",
        rule: "management",
        does: "`POST`, `GET` and `DELETE` of `/@connections/{id}` answer 200, 200 and 204, with or without one leading stage segment, percent-decoded.",
        certainty: Certainty::Certain,
        switch: "",
    },
    Rule {
        area: "Management API",
        rule: "gone",
        does: "An id that is gone or was never given: 410 with an empty body and `x-amzn-ErrorType: GoneException`.",
        certainty: Certainty::Captured,
        switch: "",
    },
    Rule {
        area: "Management API",
        rule: "malformed-id",
        does: "An id of another form: 400 `BadRequestException`, `Invalid connectionId: …`.",
        certainty: Certainty::Captured,
        switch: "",
    },
    Rule {
        area: "Management API",
        rule: "too-large",
        does: "More than 128 KB, or than a larger `--max-message`: 413 `PayloadTooLargeException`, `Message too long`.",
        certainty: Certainty::Likely,
        switch: "--max-message",
    },
    Rule {
        area: "Management API",
        rule: "too-slow",
        does: "A client that does not read: 429 `LimitExceededException`.",
        certainty: Certainty::Likely,
        switch: "",
    },
    Rule {
        area: "Management API",
        rule: "forbidden",
        does: "Unsigned, from a web page, with another method or below another path: 403 `ForbiddenException`.",
        certainty: Certainty::Captured,
        switch: "",
    },
    Rule {
        area: "Management API",
        rule: "credentials",
        does: "The access key of a request must be the app's own; the signature itself is not computed.",
        certainty: Certainty::Differs,
        switch: "--allow-any-credentials",
    },
    Rule {
        area: "Management API",
        rule: "not-utf-8",
        does: "Bytes that are not UTF-8 are replaced: only texts are sent, unless a binary message is asked for and allowed.",
        certainty: Certainty::Guess,
        switch: "--binary allow",
    },
    Rule {
        area: "Who may come in",
        rule: "origin",
        does: "A web page may connect from a loopback origin only. The cloud does not look at `Origin`; here any page that is open in your browser could reach the port.",
        certainty: Certainty::Differs,
        switch: "--allow-origin",
    },
    Rule {
        area: "Who may come in",
        rule: "host",
        does: "The `Host` header must name this machine's loopback, with the sandbox's port or none.",
        certainty: Certainty::Differs,
        switch: "--allow-host",
    },
    Rule {
        area: "Who may come in",
        rule: "loopback",
        does: "The sandbox listens on 127.0.0.1 and ::1 only.",
        certainty: Certainty::Differs,
        switch: "--host",
    },
    Rule {
        area: "Who may come in",
        rule: "tls",
        does: "URLs are `ws://` and `http://` where the cloud's are `wss://` and `https://`.",
        certainty: Certainty::Differs,
        switch: "--tls",
    },
    Rule {
        area: "Time and data",
        rule: "import-overwrite",
        does: "`import --overwrite` empties all items, those in which an app keeps its connections as well; the sockets stay open. Whom it orphans is named.",
        certainty: Certainty::Certain,
        switch: "",
    },
    Rule {
        area: "Time and data",
        rule: "time-zone",
        does: "The app's time zone is UTC, unless `TZ` is set in the shell or in `.env`.",
        certainty: Certainty::Likely,
        switch: "",
    },
    Rule {
        area: "Time and data",
        rule: "published-events",
        does: "An event is on disk before `events.publish` resolves, and comes at its time, also after a restart. One whose handler failed comes again every 6 minutes for 14 days, and as soon as other code is loaded; one whose handler an end of the sandbox cut off comes again at the next start.",
        certainty: Certainty::Certain,
        switch: "",
    },
    Rule {
        area: "Time and data",
        rule: "clock",
        does: "Idle times, lifetimes, rates, `ttl` and delayed events follow one clock that `ampt-ws clock` moves; handlers' timeouts follow the machine's.",
        certainty: Certainty::Promise,
        switch: "",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_is_named_once_and_each_area_is_in_one_place() {
        let mut names: Vec<_> = RULES.iter().map(|rule| rule.rule).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), RULES.len());
        let mut areas: Vec<_> = RULES.iter().map(|rule| rule.area).collect();
        areas.dedup();
        let count = areas.len();
        areas.sort_unstable();
        areas.dedup();
        assert_eq!(areas.len(), count);
    }
}
