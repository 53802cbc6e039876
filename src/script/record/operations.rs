//! What was done at a terminal while a sandbox was recorded.

use std::time::Duration;

use serde_json::{Value, json};

use super::compose::{Composer, parsed, relative};
use crate::ops::{ClockChange, DataRequest, Request};

impl Composer<'_> {
    /// Something that was done at a terminal.
    pub(super) fn done(&mut self, request: &Value, answer: &Value, after: Duration) {
        let Ok(request) = serde_json::from_value::<Request>(request.clone()) else {
            return;
        };
        let names = |field: &str, composer: &Self| -> Vec<String> {
            let ids = answer
                .get(field)
                .and_then(Value::as_array)
                .into_iter()
                .flatten();
            let names = ids.filter_map(|id| composer.names.by_text(id.as_str()?));
            names.map(str::to_owned).collect()
        };
        let step = match request {
            Request::Pause => json!({ "pause": true }),
            Request::Resume => json!({ "resume": true }),
            Request::Reload => json!({ "reload": true }),
            Request::Clock(ClockChange::Advance(ms)) => {
                self.advanced = Some(after);
                json!({ "advance": format!("{ms}ms") })
            }
            Request::Send { data, .. } => match names("sent", self) {
                names if names.is_empty() => return,
                names => {
                    let message = self.steady.said(&parsed(&data));
                    self.steady.note_given(&parsed(&data));
                    json!({ "send": one_or_all(names), "by": "server", "message": message })
                }
            },
            Request::Close { .. } => match names("closed", self) {
                names if names.is_empty() => return,
                names => json!({ "close": one_or_all(names), "by": "server" }),
            },
            Request::Data(request) => match self.data(request) {
                Some(step) => step,
                None => return,
            },
            _ => return,
        };
        self.steps.push(step);
    }

    fn data(&mut self, request: DataRequest) -> Option<Value> {
        match request {
            DataRequest::Import {
                file,
                overwrite,
                dry_run: false,
            } => {
                let file = relative(&self.setting.dir, &file);
                let mut step = json!({ "import": file });
                if overwrite {
                    step["overwrite"] = true.into();
                }
                Some(step)
            }
            DataRequest::Set {
                key,
                value,
                overwrite,
                ttl,
            } => {
                self.steady.note_given(&value);
                let mut step = json!({ "data": self.steady.said(&key.into()), "value": self.steady.said(&value) });
                if overwrite {
                    step["overwrite"] = true.into();
                }
                if let Some(ttl) = ttl {
                    step["ttl"] = format!("{ttl}s").into();
                }
                Some(step)
            }
            DataRequest::Rm { key } => {
                Some(json!({ "data": self.steady.said(&key.into()), "remove": true }))
            }
            _ => None,
        }
    }
}

fn one_or_all(mut names: Vec<String>) -> Value {
    match names.len() {
        1 => names.remove(0).into(),
        _ => names.into(),
    }
}
