//! The environment that the app sees.

mod dot_env;

use std::ffi::OsString;
use std::path::PathBuf;

pub use dot_env::DotEnv;

/// What the sandbox tells the app about itself.
#[derive(Debug, Clone)]
pub struct AppEnv {
    /// `http://…` of the sandbox.
    pub url: String,
    /// `ws://…` of the sandbox.
    pub ws_url: String,
    /// Name of the app.
    pub app_name: String,
    /// `sandbox`, `preview` or `stage`.
    pub env_type: &'static str,
    /// `AWS_ACCESS_KEY_ID` for the management API.
    pub key_id: String,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub secret: String,
    /// A file of certificate authorities for Node to trust.
    pub authorities: Option<PathBuf>,
    /// Settings of our own JavaScript, as JSON.
    pub settings: String,
}

/// What the sandbox sets and the app's `.env` file cannot: most of it holds the app and the
/// sandbox together, the rest is set by the cloud, too.
const OURS: [&str; 14] = [
    "AMPT_URL",
    "AMPT_APP_WEBSOCKET_URL",
    "AMPT_STAGE",
    "AMPT_ORG_NAME",
    "AMPT_APP_NAME",
    "AMPT_SERVICE_NAME",
    "AMPT_ENVIRONMENT_NAME",
    "AMPT_INSTANCE_NAME",
    "AMPT_INSTANCE_TYPE",
    "AMPT_ENVIRONMENT_TYPE",
    "AMPT_DATA_TABLES",
    "AWS_REGION",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
];

impl AppEnv {
    /// The worker's whole environment: the shell's without AWS credentials and settings (the app
    /// must not reach the real cloud by accident), and what Ampt's runtime sets.
    pub fn variables(&self) -> Vec<(OsString, OsString)> {
        let inherited = std::env::vars_os().filter(|(name, _)| {
            let name = name.to_string_lossy();
            !name.starts_with("AWS_") && !name.starts_with("AMPT_")
        });
        let values = [
            self.url.as_str(),
            &self.ws_url,
            self.env_type,
            "local",
            &self.app_name,
            &self.app_name,
            "local",
            "local",
            self.env_type,
            self.env_type,
            r#"["local"]"#,
            "us-east-1",
            &self.key_id,
            &self.secret,
        ];
        let settings = ("AMPT_WS_WORKER", self.settings.as_str());
        let ours = OURS.into_iter().zip(values).chain([settings]);
        let ours = ours.map(|(name, value)| (name.into(), value.into()));
        let authorities = self.authorities.iter();
        let authorities = authorities.map(|file| ("NODE_EXTRA_CA_CERTS".into(), file.into()));
        inherited.chain(ours).chain(authorities).collect()
    }
}
