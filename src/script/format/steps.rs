//! The steps of a fixture. Each is an object that is told by one of its fields.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::scalar::{Millis, Names, True};

/// Declares the step types, the enum of them all, and how the one is told from the other.
macro_rules! steps {
    ($( $(#[$doc:meta])* $name:ident, $verb:literal {
        $( $(#[$attr:meta])* $field:ident: $type:ty, )*
    } )*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Deserialize, JsonSchema)]
            #[serde(rename_all = "camelCase", deny_unknown_fields)]
            pub struct $name {
                $( $(#[$attr])* pub $field: $type, )*
                /// A note for readers.
                pub comment: Option<String>,
            }
        )*

        /// One step.
        #[derive(Debug, Clone)]
        #[expect(missing_docs, reason = "the types say it")]
        pub enum Step {
            $( $name(Box<$name>), )*
        }

        /// The field that tells each step.
        pub const VERBS: &[&str] = &[$( $verb ),*];

        impl Step {
            /// Reads the step that is told by `verb`, one of [`VERBS`].
            pub fn read(verb: &str, text: &str) -> Result<Self, serde_json::Error> {
                match verb {
                    $( $verb => serde_json::from_str(text).map(|step| Self::$name(Box::new(step))), )*
                    _ => Err(serde::de::Error::custom("unknown step")),
                }
            }

            /// The field that tells it.
            pub fn verb(&self) -> &'static str {
                match self {
                    $( Self::$name(_) => $verb, )*
                }
            }
        }

        /// The schemas of the steps, in the order of [`VERBS`].
        pub(super) fn schemas(generator: &mut schemars::SchemaGenerator) -> Vec<schemars::Schema> {
            vec![$( generator.subschema_for::<$name>() ),*]
        }
    };
}

steps! {
    /// Opens a client's connection.
    Connect, "connect" {
        /// The client's name in this fixture.
        connect: String,
        /// Query parameters.
        #[serde(default)]
        query: Map<String, Value>,
        /// More headers of the handshake.
        #[serde(default)]
        headers: Map<String, Value>,
        /// The subprotocol to ask for, or several.
        subprotocol: Option<Names>,
        /// The path to connect to; `/` if it is left out.
        path: Option<String>,
        /// The status with which the handshake must be answered, for example 403 for a refusal.
        #[schemars(range(min = 100, max = 599))]
        expect_status: Option<u16>,
        /// How long the handshake may take.
        within: Option<Millis>,
    }

    /// A client sends a message, or the server sends one to it.
    Send, "send" {
        /// Who.
        send: Names,
        /// The message: a string as it is, anything else as JSON.
        #[serde(default, deserialize_with = "present")]
        message: Option<Value>,
        /// A binary message, in base64.
        binary: Option<String>,
        /// Who sends: `client` (the default), or `server`, which sends to the client as
        /// `ampt-ws send` does.
        #[schemars(extend("enum" = ["client", "server", null]))]
        by: Option<String>,
    }

    /// A message comes to a client.
    Expect, "expect" {
        /// To whom.
        expect: Names,
        /// The whole message: a string is compared with the text (of a binary message its base64),
        /// anything else with its JSON.
        #[serde(default, deserialize_with = "present")]
        message: Option<Value>,
        /// What the message must hold; other fields may stand beside it.
        #[serde(default, deserialize_with = "present")]
        matches: Option<Value>,
        /// Whether other messages may come first; they stay for later steps.
        #[serde(default)]
        unordered: bool,
        /// How long to wait.
        within: Option<Millis>,
    }

    /// No message comes to a client.
    ExpectNothing, "expectNothing" {
        /// To whom.
        expect_nothing: Names,
        /// How long to watch; 250 ms if this is left out.
        within: Option<Millis>,
    }

    /// A connection is closed with a close frame.
    Close, "close" {
        /// Whose.
        close: Names,
        /// Who closes it: `client` (the default) or `server`.
        #[schemars(extend("enum" = ["client", "server", null]))]
        by: Option<String>,
        /// The client's close code.
        code: Option<u16>,
        /// The client's close reason.
        reason: Option<String>,
    }

    /// A client vanishes without a close frame.
    Drop, "drop" {
        /// Who.
        drop: Names,
    }

    /// A client's connection ends.
    ExpectClosed, "expectClosed" {
        /// Whose.
        expect_closed: Names,
        /// The close code; 1005 stands for a close frame without one, 1006 for no close frame.
        #[serde(default, deserialize_with = "present")]
        code: Option<Value>,
        /// The close reason.
        #[serde(default, deserialize_with = "present")]
        reason: Option<Value>,
        /// How long to wait.
        within: Option<Millis>,
    }

    /// A request over HTTP: to the app's own handlers, or to the management API, as
    /// `/@connections/${ana.connectionId}`, for which it is signed.
    Http, "http" {
        /// The path, for example `/rooms/1`.
        http: String,
        /// `GET` if it is left out.
        method: Option<String>,
        /// Query parameters.
        #[serde(default)]
        query: Map<String, Value>,
        /// Headers.
        #[serde(default)]
        headers: Map<String, Value>,
        /// The body: a string as it is, anything else as JSON.
        #[serde(default, deserialize_with = "present")]
        body: Option<Value>,
        /// A binary body, in base64.
        binary: Option<String>,
        /// The status of the answer; any below 400 if it is left out.
        #[schemars(range(min = 100, max = 599))]
        expect_status: Option<u16>,
        /// What headers of the answer must be; others may stand beside them.
        #[serde(default)]
        expect_headers: Map<String, Value>,
        /// The whole body of the answer: a string is compared with the text, anything else with
        /// its JSON.
        #[serde(default, deserialize_with = "present")]
        expect_body: Option<Value>,
        /// What the body of the answer must hold; other fields may stand beside it.
        #[serde(default, deserialize_with = "present")]
        matches: Option<Value>,
        /// How long the answer may take.
        within: Option<Millis>,
    }

    /// Sets or removes a stored item, as `ampt-ws data` does.
    Data, "data" {
        /// Its key.
        data: String,
        /// The value to set.
        #[serde(default, deserialize_with = "present")]
        value: Option<Value>,
        /// Whether the value replaces the stored one instead of merging into it.
        #[serde(default)]
        overwrite: bool,
        /// Time to live.
        ttl: Option<Millis>,
        /// Removes the item.
        remove: Option<True>,
    }

    /// A stored item is, or becomes, as described.
    ExpectData, "expectData" {
        /// Its key; with `count` also a pattern such as `user:*`.
        expect_data: String,
        /// The whole value.
        #[serde(default, deserialize_with = "present")]
        value: Option<Value>,
        /// What the value must hold; other fields may stand beside it.
        #[serde(default, deserialize_with = "present")]
        matches: Option<Value>,
        /// What the item itself must hold: `label1`, `ttl`, `created` and so on.
        #[serde(default, deserialize_with = "present")]
        item: Option<Value>,
        /// There is no such item.
        absent: Option<True>,
        /// How many items match the key.
        count: Option<usize>,
        /// How long to wait.
        within: Option<Millis>,
    }

    /// Imports a data file.
    Import, "import" {
        /// The file, relative to this one.
        import: String,
        /// Whether all items are removed first.
        #[serde(default)]
        overwrite: bool,
    }

    /// Exports all items and compares them with a data file, or with a list of items.
    Export, "export" {
        /// The file, relative to this one, or the items. Fields that it does not have, such as
        /// `created`, are not compared.
        export: Value,
    }

    /// Makes the sandbox inactive: connection attempts get 403.
    Pause, "pause" {
        /// Always `true`.
        pause: True,
    }

    /// Makes the sandbox active again.
    Resume, "resume" {
        /// Always `true`.
        resume: True,
    }

    /// Restarts the app's code; connections stay open.
    Reload, "reload" {
        /// Always `true`.
        reload: True,
    }

    /// Stops the sandbox and starts it on the same store.
    Restart, "restart" {
        /// Always `true`.
        restart: True,
    }

    /// Ends the sandbox by SIGKILL and starts it on the same store.
    Kill, "kill" {
        /// Always `true`.
        kill: True,
    }

    /// Something is, or comes to be, in the event log. Each event is found once.
    ExpectLog, "expectLog" {
        /// A part of a line that the app printed, a rule for its text, or fields of any event of
        /// `ampt-ws logs --json`.
        expect_log: Value,
        /// How long to wait.
        within: Option<Millis>,
    }

    /// Waits.
    Wait, "wait" {
        /// For how long.
        wait: Millis,
    }

    /// Moves the sandbox's clock forward; what is due happens at once.
    Advance, "advance" {
        /// By how much.
        advance: Millis,
    }

    /// Does steps several times. `${index}` is 0, 1, 2 and so on.
    Repeat, "repeat" {
        /// How many times.
        #[schemars(range(min = 1, max = 10_000))]
        repeat: u32,
        /// The steps.
        #[schemars(schema_with = "super::schema::steps")]
        steps: Vec<Value>,
    }
}

/// A field that is there, even if it is `null`.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}
