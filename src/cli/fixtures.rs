//! Options of `test`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;

/// Options of `test`.
#[derive(Debug, Clone, Args)]
pub struct TestArgs {
    /// Fixture files, or folders in which they are looked for
    #[arg(value_name = "FIXTURE|FOLDER", required_unless_present = "schema")]
    pub paths: Vec<PathBuf>,
    /// Run only fixtures whose name or file holds this text
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// Stop after the first failure
    #[arg(long)]
    pub fail_fast: bool,
    /// Run again whenever a fixture, its app or its data is saved
    #[arg(long)]
    pub watch: bool,
    /// Rewrite expectations that no longer hold, and show what was changed
    #[arg(long, conflicts_with = "watch")]
    pub update: bool,
    /// How many fixtures run at once [default: twice the number of cores, as they mostly wait]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,
    /// Run fixtures with `chaos` under this seed only
    #[arg(long, value_name = "SEED")]
    pub chaos_seed: Option<u64>,
    /// Run fixtures with `chaos` under so many seeds, instead of as many as they say
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "chaos_seed")]
    pub chaos_seeds: Option<u32>,
    /// Write a report: junit=FILE, json=FILE, tap=FILE; `tap` alone prints it
    #[arg(long, value_name = "KIND[=FILE]")]
    pub report: Vec<Report>,
    /// The Node to run, version 20 or newer
    #[arg(long, value_name = "PATH")]
    pub node: Option<PathBuf>,
    /// Print the JSON Schema of fixtures
    #[arg(long, exclusive = true)]
    pub schema: bool,
}

/// A report to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// In which format.
    pub kind: ReportKind,
    /// Where to; standard output if there is none.
    pub file: Option<PathBuf>,
}

/// The formats of reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportKind {
    /// JUnit's XML.
    Junit,
    /// The document of `--json`.
    Json,
    /// The Test Anything Protocol, version 14.
    Tap,
}

impl FromStr for Report {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, file) = match text.split_once('=') {
            Some((kind, file)) => (kind, Some(file)),
            None => (text, None),
        };
        let kind = match kind {
            "junit" => ReportKind::Junit,
            "json" => ReportKind::Json,
            "tap" => ReportKind::Tap,
            _ => {
                return Err(format!(
                    "there is no report `{kind}`; write junit=FILE, json=FILE, tap=FILE or tap"
                ));
            }
        };
        let file = match (kind, file) {
            (_, Some("")) => return Err(format!("the file's name is missing after `{text}`")),
            (ReportKind::Tap, None) => None,
            (_, None) => return Err(format!("`{text}` needs a file: {text}=FILE")),
            (_, Some(file)) => Some(PathBuf::from(file)),
        };
        Ok(Self { kind, file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_a_kind_and_a_file() {
        let report: Report = "junit=a=b.xml".parse().unwrap();
        assert_eq!(report.file, Some("a=b.xml".into()));
        assert_eq!("tap".parse::<Report>().unwrap().file, None);
        for bad in ["junit", "json=", "xml=a", ""] {
            assert!(bad.parse::<Report>().is_err(), "{bad}");
        }
    }
}
