//! `dev --record`: what the recorded fixture says of its sandbox.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::app::Running;
use crate::cli::{DevArgs, SandboxArgs};
use crate::config::{Config, absolute};
use crate::domain::{BinaryMessages, EnvironmentType};
use crate::error::Failure;
use crate::event::Recording;
use crate::ops::{DataRequest, Exported, Perform, Request};
use crate::script::load;
use crate::script::record::{Recorder, Setting, check, relative};

/// A recording that was asked for.
pub(super) struct Wish {
    file: PathBuf,
    setting: Setting,
}

impl Wish {
    /// What `--record` asks for; checked before anything is started.
    pub(super) fn of(args: &DevArgs, config: &Config) -> Result<Option<Self>, Failure> {
        let Some(file) = &args.record else {
            return Ok(None);
        };
        check(file)?;
        let file = absolute(file)?;
        let dir = file.parent().map(Path::to_owned).unwrap_or_default();
        let dir = dir.canonicalize().unwrap_or(dir);
        let setting = Setting {
            header: header(&args.sandbox, config, &file, &dir),
            dir,
            idle_timeout: config.limits.idle_timeout,
        };
        Ok(Some(Self { file, setting }))
    }

    /// Begins to record. What the store holds at this moment becomes the fixture's seed.
    pub(super) async fn start(
        &self,
        running: &Running,
        tap: Recording,
    ) -> Result<Recorder, Failure> {
        let mut setting = self.setting.clone();
        if let Some(seed) = self.export_seed(running).await? {
            setting
                .header
                .insert("seed".to_owned(), relative(&setting.dir, &seed).into());
        }
        Ok(Recorder::start(
            tap,
            &running.sandbox.bus,
            self.file.clone(),
            setting,
        ))
    }

    async fn export_seed(&self, running: &Running) -> Result<Option<PathBuf>, Failure> {
        let name = format!("{}.data.json", load::name_of(&self.file));
        let file = self.setting.dir.join(name);
        let any = Request::Data(DataRequest::Ls {
            pattern: None,
            limit: Some(1),
        });
        let items = running.sandbox.perform(any).await?;
        if items.as_array().is_none_or(Vec::is_empty) {
            return Ok(None);
        }
        let request = Request::Data(DataRequest::Export {
            file: file.clone(),
            overwrite: false,
        });
        let exported = Perform::perform(&running.sandbox, request).await?;
        let exported: Option<Exported> = serde_json::from_value(exported).ok();
        Ok(exported.map(|_| file))
    }
}

/// The fixture's top level: everything about the sandbox that is not as it is by itself.
fn header(args: &SandboxArgs, config: &Config, file: &Path, dir: &Path) -> Map<String, Value> {
    let mut header = Map::new();
    let app = config.entry.as_ref().unwrap_or(&config.app_dir);
    header.insert("name".to_owned(), load::name_of(file).into());
    header.insert("app".to_owned(), relative(dir, app).into());
    let ms = |time: std::time::Duration| format!("{}ms", time.as_millis());
    let usual = crate::domain::ConnectionLimits::default();
    let limits = &config.limits;
    let options = [
        (
            "env",
            (args.env != EnvironmentType::Sandbox).then(|| args.env.name().into()),
        ),
        ("rate", args.rate.map(Value::from)),
        ("burst", args.burst.map(Value::from)),
        ("strict", args.strict.then_some(true.into())),
        (
            "maxMessage",
            (limits.max_message != usual.max_message).then(|| limits.max_message.into()),
        ),
        (
            "maxFrame",
            (limits.max_frame != usual.max_frame).then(|| limits.max_frame.into()),
        ),
        (
            "binary",
            (limits.binary == BinaryMessages::Allow).then(|| "allow".into()),
        ),
        (
            "idleTimeout",
            (limits.idle_timeout != usual.idle_timeout).then(|| ms(limits.idle_timeout).into()),
        ),
        (
            "maxDuration",
            (limits.max_duration != usual.max_duration).then(|| ms(limits.max_duration).into()),
        ),
        ("subprotocols", list(&config.subprotocols)),
        ("allowOrigins", list(&config.allow_origin)),
    ];
    for (name, value) in options {
        if let Some(value) = value {
            header.insert(name.to_owned(), value);
        }
    }
    header
}

fn list(names: &[String]) -> Option<Value> {
    (!names.is_empty()).then(|| json!(names))
}
