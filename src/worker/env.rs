//! The environment that the app sees.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

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

impl AppEnv {
    /// The worker's whole environment: the shell's without AWS credentials and settings (the app
    /// must not reach the real cloud by accident), and what Ampt's runtime sets.
    pub fn variables(&self) -> Vec<(OsString, OsString)> {
        let inherited = std::env::vars_os().filter(|(name, _)| {
            let name = name.to_string_lossy();
            !name.starts_with("AWS_") && !name.starts_with("AMPT_")
        });
        let ours = [
            ("AMPT_URL", self.url.as_str()),
            ("AMPT_APP_WEBSOCKET_URL", &self.ws_url),
            ("AMPT_STAGE", self.env_type),
            ("AMPT_ORG_NAME", "local"),
            ("AMPT_APP_NAME", &self.app_name),
            ("AMPT_SERVICE_NAME", &self.app_name),
            ("AMPT_ENVIRONMENT_NAME", "local"),
            ("AMPT_INSTANCE_NAME", "local"),
            ("AMPT_INSTANCE_TYPE", self.env_type),
            ("AMPT_ENVIRONMENT_TYPE", self.env_type),
            ("AMPT_DATA_TABLES", r#"["local"]"#),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", &self.key_id),
            ("AWS_SECRET_ACCESS_KEY", &self.secret),
            ("AMPT_WS_WORKER", &self.settings),
        ];
        let ours = ours
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()));
        let authorities = self.authorities.iter();
        let authorities = authorities.map(|file| ("NODE_EXTRA_CA_CERTS".into(), file.into()));
        inherited.chain(ours).chain(authorities).collect()
    }
}

/// The variables of an app's `.env` file; none if there is no file.
pub fn read_dot_env(app_dir: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(app_dir.join(".env")).unwrap_or_default();
    parse_dot_env(&text)
}

/// Reads `NAME=value` lines as dotenv does: `#` comments, `export `, single quotes literal,
/// double quotes with `\n` and `\"`, quoted values over several lines.
fn parse_dot_env(text: &str) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    while !rest.is_empty() {
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        let line_text = line.trim_start();
        let declared = line_text.strip_prefix("export ").unwrap_or(line_text);
        let Some((name, _)) = declared.split_once('=') else {
            rest = after;
            continue;
        };
        let name = name.trim();
        let well_named = !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
        if !well_named {
            rest = after;
            continue;
        }
        let value_at = rest.find('=').map_or(rest.len(), |at| at + 1);
        let value = rest[value_at..].trim_start_matches([' ', '\t']);
        let (value, tail) = dot_env_value(value);
        variables.insert(name.to_owned(), value);
        rest = tail;
    }
    variables
}

/// A value and what follows its line.
fn dot_env_value(text: &str) -> (String, &str) {
    let after_line = |s| match str::split_once(s, '\n') {
        Some((_, after)) => after,
        None => "",
    };
    for quote in ['"', '\'', '`'] {
        let Some(inner) = text.strip_prefix(quote) else {
            continue;
        };
        let escaped = |at: usize| quote == '"' && inner[..at].ends_with('\\');
        let end = inner
            .match_indices(quote)
            .map(|(at, _)| at)
            .find(|at| !escaped(*at));
        let Some(end) = end else { break };
        let raw = &inner[..end];
        let value = match quote {
            '"' => raw
                .replace("\\n", "\n")
                .replace("\\r", "\r")
                .replace("\\\"", "\""),
            _ => raw.to_owned(),
        };
        return (value, after_line(&inner[end..]));
    }
    let (line, after) = text.split_once('\n').unwrap_or((text, ""));
    let value = line.split(" #").next().unwrap_or(line);
    let value = if value.starts_with('#') { "" } else { value };
    (value.trim().to_owned(), after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dot_env_files_are_read_as_dotenv_reads_them() {
        let text = "# c\nA=1\nexport B = two words # c\nC='x # \"y'\nD=\"a\\nb\\\"c\"\nE=\n\nbad line\n\
                    F=\"two\nlines\" # c\r\nG=after\r\nH=a=b\n";
        let read = parse_dot_env(text);
        let expected = [
            ("A", "1"),
            ("B", "two words"),
            ("C", "x # \"y"),
            ("D", "a\nb\"c"),
            ("E", ""),
            ("F", "two\nlines"),
            ("G", "after"),
            ("H", "a=b"),
        ];
        let expected = expected
            .into_iter()
            .map(|(n, v)| (n.to_owned(), v.to_owned()));
        assert_eq!(read, expected.collect());
    }

    #[test]
    fn an_unclosed_quote_is_taken_as_it_stands() {
        let read = parse_dot_env("A=\"open\nB=2");
        assert_eq!(read["A"], "\"open");
        assert_eq!(read["B"], "2");
    }
}
